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

/** The delay in milliseconds after so many failures before this one. */
export function backOffDelay(options: BackOffOptions, failures: number, random: number): number {
  const { initialMs, maxMs, factor, jitter } = options;
  return Math.min(maxMs, initialMs * factor ** failures) * (1 - jitter + jitter * random);
}

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
    const delay = backOffDelay(this.#options, this.#failures, this.#random());
    this.#failures += 1;
    return delay;
  }

  /** Says that an attempt succeeded. */
  reset(): void {
    this.#failures = 0;
  }
}
