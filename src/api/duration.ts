import { StatusError } from './status-error.ts';

const nanosPerMs = 1_000_000n;
const maxInt64 = 2n ** 63n - 1n;

/** Nanoseconds of each unit that Go's durations know. */
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: nanosPerMs,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/**
 * Parses a duration as Go's time.ParseDuration does (`30s`, `1h15m`, `-1.5h`, `0`) into milliseconds,
 * fractions included. Throws a StatusError 400 in Go's words for what is none.
 */
export function parseGoDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const match = /^(?<sign>[+-]?)(?<rest>.+)$/su.exec(text)?.groups;
  const rest = match?.['rest'] ?? '';
  if (rest === '0') return 0;
  if (rest === '') throw badDuration(`time: invalid duration ${quoted}`);
  let nanos = 0n;
  for (let index = 0; index < rest.length;) {
    const part = /^(?<whole>\d*)(?:\.(?<fraction>\d*))?(?<unit>[^.\d]*)/.exec(rest.slice(index));
    const { whole = '', fraction = '', unit = '' } = part?.groups ?? {};
    if (part === null || (whole === '' && fraction === '')) {
      throw badDuration(`time: invalid duration ${quoted}`);
    }
    if (unit === '') throw badDuration(`time: missing unit in duration ${quoted}`);
    const scale = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (scale === undefined) {
      throw badDuration(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    }
    nanos += partNanos({ whole, fraction }, scale);
    if (nanos > maxInt64) throw badDuration(`time: invalid duration ${quoted}`);
    index += part[0].length;
  }
  const ms = Number(nanos / nanosPerMs) + Number(nanos % nanosPerMs) / Number(nanosPerMs);
  return match?.['sign'] === '-' ? -ms : ms;
}

/**
 * Formats an age as kubectl's AGE columns do, with two or three significant figures: `45s`, `3m20s`,
 * `5d6h`, `2y40d` (HumanDuration of k8s.io/apimachinery pkg/util/duration).
 */
export function formatAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  // Clocks that differ by less than two seconds are no news.
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair([minutes, 'm'], [seconds % 60, 's']);
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair([hours, 'h'], [minutes % 60, 'm']);
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return pair([days, 'd'], [hours % 24, 'h']);
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return days < 365 * 8 ? pair([years, 'y'], [days % 365, 'd']) : `${years}y`;
}

type Amount = readonly [number, string];

function pair([large, largeUnit]: Amount, [small, smallUnit]: Amount): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

function partNanos(
  { whole, fraction }: { readonly whole: string; readonly fraction: string },
  scale: bigint,
): bigint {
  // More digits than a nanosecond of an hour has change nothing.
  const digits = fraction.slice(0, 18);
  const wholeNanos = BigInt(whole.slice(0, 20) || '0') * scale;
  return wholeNanos + (BigInt(digits || '0') * scale) / 10n ** BigInt(digits.length);
}

function badDuration(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}
