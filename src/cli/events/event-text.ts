import { type Event, formatAge } from '../../api/index.ts';

/** When an event was seen last, in milliseconds since the epoch; 0 when it does not say. */
export function lastSeen(event: Event): number {
  const { series, lastTimestamp, eventTime, metadata } = event as EventTimes;
  const time = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return time === undefined ? 0 : Date.parse(time);
}

/** `57s`, or `5s (x3 over 2m)` for what has happened several times. */
export function eventAge(event: Event, now: number): string {
  const { series, count = 1, firstTimestamp, eventTime } = event as EventTimes;
  const last = lastSeen(event);
  const age = last === 0 ? '<unknown>' : formatAge(now - last);
  const times = series?.count ?? count;
  const first = firstTimestamp ?? eventTime;
  if (times <= 1 || first === undefined || first === null) return age;
  return `${age} (x${times} over ${formatAge(now - Date.parse(first))})`;
}

/** The component that reported it. */
export function eventSource(event: Event): string {
  const { reportingComponent, reportingController, source } = event as EventTimes;
  return [reportingComponent, reportingController, source?.component].find(Boolean) ?? '';
}

/** What all versions of events have, beside what our components read. */
type EventTimes = Event & {
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
  readonly lastTimestamp?: string | null;
  readonly firstTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly count?: number;
  readonly reportingComponent?: string;
  readonly reportingController?: string;
  readonly source?: { readonly component?: string };
};
