const waitPattern = /(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:$|[,;])/i;

/** Seconds of `Prefer: wait=N` (RFC 7240 section 4.3), at most `limitS`; undefined without one. */
export function preferredWait(prefer: string, limitS: number): number | undefined {
  if (prefer === '') return undefined;
  const seconds = waitPattern.exec(prefer)?.[1];
  return seconds === undefined ? undefined : Math.min(limitS, Number(seconds));
}

const asyncPattern = /(?:^|[,;])\s*respond-async\s*(?:$|[,;])/i;

/** The client asks for an answer before the work is done: `Prefer: respond-async` (RFC 7240 section 4.1). */
export function prefersAsync(prefer: string): boolean {
  return prefer !== '' && asyncPattern.test(prefer);
}
