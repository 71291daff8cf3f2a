import type { Clock } from '../../lib/clock.ts';

interface Entry {
  periodMs: number;
  /** Monotonic milliseconds. */
  due: number;
}

/** Sleeps are no longer, so that a timer never overflows. */
const longestSleepMs = 60_000;

/**
 * A clock of its own for each key.
 *
 * Invariants:
 * 1. A key is due when it is set first (or that much later), and then once a period, counted from when it was due and not
 *    from when the work was done: periods do not drift.
 * 2. Turns that were missed are left out, not made up for.
 * 3. A new period counts from the last turn.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #wake = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins with a key, its first turn after `firstMs`; or changes its period. */
  set(key: string, periodMs: number, firstMs = 0): void {
    const known = this.#entries.get(key);
    if (known?.periodMs === periodMs) return;
    const now = this.#clock.monotonic();
    const due =
      known === undefined ? now + firstMs : Math.max(now, known.due - known.periodMs + periodMs);
    this.#entries.set(key, { periodMs, due });
    this.#wake.abort();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Calls `turn` for each key when it is due, until the signal aborts. */
  async run(turn: (key: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const sleepMs = this.#take(turn);
      const end = AbortSignal.any([signal, this.#wake.signal]);
      await this.#clock.sleep(sleepMs, end).catch(() => undefined);
    }
  }

  /** Calls those that are due; milliseconds until the next one is. */
  #take(turn: (key: string) => void): number {
    const now = this.#clock.monotonic();
    let next = now + longestSleepMs;
    for (const [key, entry] of this.#entries) {
      if (entry.due <= now) {
        const missed = Math.floor((now - entry.due) / entry.periodMs);
        entry.due += (missed + 1) * entry.periodMs;
        turn(key);
      }
      next = Math.min(next, entry.due);
    }
    return next - now;
  }
}
