/** What something has used so far, as its node said. */
export interface Counter {
  /** Milliseconds since the epoch, by the node's clock. */
  readonly at: number;
  readonly cpuNanos: number;
  readonly bytes: number;
}

/** The counters of all nodes and containers at one moment, by a key that a restart changes. */
export interface Sample {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly counters: ReadonlyMap<string, Counter>;
}

/** What something has used between two samples. */
export interface Rate {
  /** End of the window, milliseconds since the epoch. */
  readonly at: number;
  readonly windowMs: number;
  readonly nanoCores: number;
  readonly bytes: number;
}

/** Two counters are this far apart at least: ticks of CPU time are 10 ms. */
export const minSpanMs = 400;
/** Samples are kept so densely as long as somebody may ask for a window of their age. */
const kept: readonly { readonly youngerMs: number; readonly spacingMs: number }[] = [
  { youngerMs: 20_000, spacingMs: 0 },
  { youngerMs: 120_000, spacingMs: 5000 },
  { youngerMs: 1_200_000, spacingMs: 30_000 },
];
/** A window may be this much longer than was asked for, and short ones this long. */
const stretch = 2;
const shortestLimitMs = 5000;

/**
 * The latest samples, and rates between them.
 *
 * Invariants:
 * 1. Samples are in the order of their time; older ones are fewer, none is older than 20 minutes.
 * 2. A rate is between two counters of the same start of a container, never across a restart.
 */
export class UsageSamples {
  #samples: readonly Sample[] = [];

  get newest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  add(sample: Sample): void {
    const thinned: Sample[] = [];
    let lastKept = Number.NEGATIVE_INFINITY;
    for (const each of this.#samples) {
      const age = sample.at - each.at;
      const rule = kept.find(({ youngerMs }) => age <= youngerMs);
      if (rule === undefined || each.at - lastKept < rule.spacingMs) continue;
      thinned.push(each);
      lastKept = each.at;
    }
    this.#samples = [...thinned, sample];
  }

  /** Whether there is a sample from which a rate over about this window can be told. */
  covers(windowMs: number): boolean {
    const { newest } = this;
    return newest !== undefined && this.#usable(newest, windowMs).length > 0;
  }

  /**
   * The rate of one key over about the window, up to the newest sample: over less for what is young.
   * Undefined for what is not there, has just come, or whose CPU time went backwards.
   */
  rate(key: string, windowMs: number): Rate | undefined {
    const { newest } = this;
    const last = newest?.counters.get(key);
    if (newest === undefined || last === undefined) return undefined;
    const usable = this.#usable(newest, windowMs);
    const full = usable.findLastIndex(({ at }) => newest.at - at >= windowMs * 0.9);
    for (const { counters } of usable.slice(Math.max(0, full))) {
      const first = counters.get(key);
      if (first === undefined || last.at - first.at < minSpanMs) continue;
      const nanos = last.cpuNanos - first.cpuNanos;
      if (nanos < 0) continue;
      const span = last.at - first.at;
      const nanoCores = Math.round((nanos / span) * 1000);
      return { at: last.at, windowMs: span, nanoCores, bytes: last.bytes };
    }
    return undefined;
  }

  #usable(newest: Sample, windowMs: number): readonly Sample[] {
    const limit = Math.max(shortestLimitMs, windowMs * stretch);
    return this.#samples.filter(({ at }) => newest.at - at >= minSpanMs && newest.at - at <= limit);
  }
}
