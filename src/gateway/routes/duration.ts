const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
};

/** Milliseconds of a Go duration such as `1m30s`; undefined for none and for what is no duration. */
export function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s|us))+$/.test(text))
    return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(h|ms|m|s|us)/g)) {
    total += Number(number) * (unitMs[unit ?? ''] ?? 0);
  }
  return total;
}
