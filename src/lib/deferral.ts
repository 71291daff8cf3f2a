import type { Clock } from './clock.ts';

/**
 * Writes that may wait a moment, so that several become one and what is urgent goes first.
 *
 * Each key is due a fixed time after it was first put off, however often that happens meanwhile.
 */
export class Deferral {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #due = new Map<string, number>();

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Puts the key off, unless it is already. */
  putOff(key: string): void {
    if (!this.#due.has(key)) this.#due.set(key, this.#clock.monotonic() + this.#delayMs);
  }

  /** Milliseconds until the key is due; 0 when it is, or was never put off. */
  leftMs(key: string): number {
    const due = this.#due.get(key);
    return due === undefined ? 0 : Math.max(0, due - this.#clock.monotonic());
  }

  /** The key was written, or is gone. */
  clear(key: string): void {
    this.#due.delete(key);
  }
}
