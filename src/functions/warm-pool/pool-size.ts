/** Demands that come within this time of a burst's first one are of that burst: so long a refill may take. */
const burstMs = 2000;
/** How long a burst is remembered. */
export const memoryMs = 600_000;
const maxBursts = 64;

interface Burst {
  readonly startMs: number;
  pods: number;
}

/**
 * How many booted pods a pool should have: as many as its largest burst of demand within ten minutes
 * asked for, whether or not they were there; one when there was none.
 */
export class PoolSize {
  #bursts: readonly Burst[] = [];

  /** So many pods were wanted at once; times are monotonic. */
  record(pods: number, nowMs: number): void {
    const last = this.#bursts.at(-1);
    if (last !== undefined && nowMs - last.startMs < burstMs) {
      last.pods += pods;
      return;
    }
    this.#forget(nowMs);
    this.#bursts = [...undominated(this.#bursts).slice(-maxBursts), { startMs: nowMs, pods }];
  }

  wanted(nowMs: number, max: number): number {
    this.#forget(nowMs);
    return Math.min(max, Math.max(1, ...this.#bursts.map(({ pods }) => pods)));
  }

  /** Milliseconds until a burst is forgotten; undefined when none is remembered. */
  forgetsInMs(nowMs: number): number | undefined {
    const [oldest] = this.#bursts;
    return oldest === undefined ? undefined : Math.max(0, oldest.startMs + memoryMs - nowMs);
  }

  #forget(nowMs: number): void {
    this.#bursts = this.#bursts.filter(({ startMs }) => nowMs - startMs < memoryMs);
  }
}

/** Without those that a later and no smaller one outlives. */
function undominated(bursts: readonly Burst[]): readonly Burst[] {
  const kept: Burst[] = [];
  for (const burst of bursts.toReversed()) {
    if (burst.pods > (kept.at(-1)?.pods ?? 0)) kept.push(burst);
  }
  return kept.toReversed();
}

/** The share of a pool when all of them together want more than there may be. */
export function shareOf(wanted: number, wantedInAll: number, budget: number): number {
  return wantedInAll <= budget ? wanted : Math.floor((wanted * budget) / wantedInAll);
}
