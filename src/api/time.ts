/** A time (metav1.Time) from milliseconds since the epoch: RFC 3339 in UTC, in whole seconds. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A time (metav1.MicroTime) from milliseconds since the epoch: RFC 3339 in UTC, in microseconds. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

const rfc3339 =
  /^(?<date>\d{4}-(?:0[1-9]|1[0-2])-(?<day>\d\d))T(?<time>(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(?<fraction>\d+))?(?<zone>Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Parses an RFC 3339 time into milliseconds since the epoch, fractions included; undefined for what is none. */
export function parseTime(text: string): number | undefined {
  const match = rfc3339.exec(text)?.groups;
  if (match === undefined) return undefined;
  const { date = '', day = '', time = '', fraction = '0', zone = 'Z' } = match;
  const midnight = new Date(`${date}T00:00:00Z`);
  // Date takes the 30th of February for the 2nd of March.
  if (Number.isNaN(midnight.getTime()) || midnight.getUTCDate() !== Number(day)) return undefined;
  return Date.parse(`${date}T${time}${zone}`) + Number(`0.${fraction}`) * 1000;
}
