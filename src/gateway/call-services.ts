import type { Activator } from './activator/activator.ts';
import type { CallRecord } from './call-record.ts';
import type { Endpoint } from './routes/endpoint.ts';
import type { Route } from './routes/route.ts';
import type { RecentClock } from './wire/recent-clock.ts';

/** A call as the gateway's books know it. */
export interface Sweepable {
  /** Where the list of calls keeps it; the list's own. */
  slot: number;
  /** Acts on a deadline that has passed; `now` is monotonic. */
  sweep(now: number): void;
}

/** What a call needs of the gateway. */
export interface CallServices {
  readonly clock: RecentClock;
  readonly activator: Activator;
  /** How long a connection to a pod may take to stand; milliseconds. */
  readonly dialTimeoutMs: number;
  /** How long a WebSocket may be silent; milliseconds. */
  readonly tunnelIdleMs: number;
  /** Takes a pod out of the routes until it answers again. */
  readonly quarantine: (route: Route, endpoint: Endpoint, reason: string) => void;
  readonly ended: (call: Sweepable, record: CallRecord) => void;
}
