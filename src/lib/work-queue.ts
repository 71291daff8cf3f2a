import { BackOff, type BackOffOptions } from './back-off.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How many keys are worked on at once. */
  readonly concurrency: number;
  readonly backOff?: BackOffOptions;
}

/** What a reconcile asks for: nothing, or to be called again after a delay in milliseconds. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

const failureBackOff: BackOffOptions = { initialMs: 5, maxMs: 60_000, factor: 2, jitter: 0.2 };

/**
 * Keys waiting for a reconcile, as in client-go's workqueue.
 *
 * Invariants:
 * 1. A key is reconciled by one worker at a time.
 * 2. A key added while it is being reconciled is reconciled again afterwards; adds in between merge.
 * 3. A reconcile that throws is repeated with exponential back-off until it succeeds.
 *
 * The queue is bounded by the number of distinct keys.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | void>;
  readonly #waiting = new Set<string>();
  readonly #active = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly due: number; readonly timer: NodeJS.Timeout }>();
  readonly #backOffs = new Map<string, BackOff>();
  #signal: AbortSignal | undefined;

  constructor(
    options: WorkQueueOptions,
    reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | void>,
  ) {
    this.#options = options;
    this.#reconcile = reconcile;
  }

  /** Asks for a reconcile of `key` as soon as a worker is free. */
  add(key: string): void {
    if (this.#active.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#waiting.add(key);
    this.#dispatch();
  }

  /** Asks for a reconcile of `key` after `ms` milliseconds; the earliest request of a key wins. */
  addAfter(key: string, ms: number): void {
    if (this.#signal?.aborted === true) return;
    const due = this.#options.clock.monotonic() + ms;
    const pending = this.#timers.get(key);
    if (pending !== undefined) {
      if (pending.due <= due) return;
      clearTimeout(pending.timer);
    }
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, ms);
    this.#timers.set(key, { due, timer });
  }

  /** Works until the signal aborts; settles when the last reconcile has ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#dispatch();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#active.values());
  }

  #dispatch(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#active.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#active.set(key, this.#work(key, signal));
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    try {
      const result = await this.#reconcile(key, signal);
      this.#backOffs.delete(key);
      if (result?.requeueAfterMs !== undefined) this.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (!signal.aborted) this.#retry(key, error);
    } finally {
      this.#active.delete(key);
      if (this.#again.delete(key)) this.#waiting.add(key);
      this.#dispatch();
    }
  }

  #retry(key: string, error: unknown): void {
    let backOff = this.#backOffs.get(key);
    if (backOff === undefined) {
      backOff = new BackOff(this.#options.backOff ?? failureBackOff);
      this.#backOffs.set(key, backOff);
    }
    const delayMs = backOff.next();
    this.#options.log.warn('Reconcile failed and will be repeated', {
      key,
      delayMs,
      error: String(error),
    });
    this.addAfter(key, delayMs);
  }
}
