import { UsageError } from './usage-error.ts';

/** A TCP port, 0 for any; throws UsageError that names the flag. */
export function parsePort(flag: string, text: string): number {
  return parseNumber(flag, text, { from: 0, to: 65_535 });
}

/** A whole number within a range; throws UsageError that names the flag. */
export function parseNumber(
  flag: string,
  text: string,
  range: { readonly from: number; readonly to: number; readonly orWord?: string },
): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < range.from || number > range.to) {
    const word = range.orWord === undefined ? '' : `, or ${range.orWord}`;
    throw new UsageError(
      `Cannot use ${flag} "${text}": expected a number from ${range.from} to ${range.to}${word}`,
    );
  }
  return number;
}
