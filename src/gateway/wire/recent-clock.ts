import type { Clock } from '../../lib/clock.ts';

/**
 * A clock that keeps its newest monotonic reading.
 *
 * A request arms a dozen deadlines, and reading the clock costs more than all else of arming one: so
 * the clock is read where something comes in (bytes of a client or of a pod, and each sweep over the
 * deadlines), and what follows from it takes `recent`.
 */
export class RecentClock implements Clock {
  readonly #clock: Clock;
  /** The newest reading of `monotonic`; never older than the last sweep. */
  recent: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.recent = clock.monotonic();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    this.recent = this.#clock.monotonic();
    return this.recent;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }
}
