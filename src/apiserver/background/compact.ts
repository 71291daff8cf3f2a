import type { Clock } from '../../lib/clock.ts';
import type { Store } from '../../store/index.ts';

/** How much history is kept, so that watches and lists may go on from where they were. */
const keepHistoryMs = 5 * 60_000;

/** Forgets history that is older than five minutes; to be called about once a minute. */
export class Compactor {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Which revision there was at which time, oldest first. */
  #marks: { readonly atMs: number; readonly revision: number }[] = [];

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async compact(): Promise<void> {
    const now = this.#clock.monotonic();
    const old = this.#marks.findLast(({ atMs }) => atMs <= now - keepHistoryMs);
    this.#marks.push({ atMs: now, revision: this.#store.revision() });
    if (old === undefined) return;
    this.#marks = this.#marks.filter(({ atMs }) => atMs > old.atMs);
    if (old.revision > this.#store.compactedRevision()) await this.#store.compact(old.revision);
  }
}
