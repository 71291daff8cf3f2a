import { parseGoDuration } from '../../api/index.ts';

/** Milliseconds of a Go duration such as `1m30s`; undefined for none and for what is no duration. */
export function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseGoDuration(text);
  } catch {
    return undefined;
  }
}
