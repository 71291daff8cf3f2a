/** How the delays of an exponential back-off grow; milliseconds. */
export interface BackOffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** Fraction of the delay that is random, 0 … 1. */
  readonly jitter: number;
}

/** Delays that double from 100 ms to 10 s with a fifth of jitter: the default for reconnecting. */
export const reconnectBackOff: BackOffOptions = {
  initialMs: 100,
  maxMs: 10_000,
  factor: 2,
  jitter: 0.2,
};

/** An exponential back-off: `next()` grows with each call until `reset()`. */
export class BackOff {
  readonly #options: BackOffOptions;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: BackOffOptions = reconnectBackOff, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt, in milliseconds. */
  next(): number {
    const { initialMs, maxMs, factor, jitter } = this.#options;
    const base = Math.min(maxMs, initialMs * factor ** this.#failures);
    this.#failures += 1;
    return base * (1 - jitter + jitter * this.#random());
  }

  /** Says that an attempt succeeded. */
  reset(): void {
    this.#failures = 0;
  }
}
