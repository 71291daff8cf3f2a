import type { Sweepable } from './call-services.ts';

/**
 * The calls under way.
 *
 * An array whose gaps are filled from its end. A Set that is added to and deleted from for each
 * request is rehashed again and again, and V8 chains each dead table to the next: once one is
 * promoted, it keeps all later calls alive (half of the gateway's user time was collecting them).
 */
export class CallList {
  readonly #calls: Sweepable[] = [];

  get size(): number {
    return this.#calls.length;
  }

  add(call: Sweepable): void {
    call.slot = this.#calls.push(call) - 1;
  }

  remove(call: Sweepable): void {
    const { slot } = call;
    if (this.#calls[slot] !== call) return;
    const last = this.#calls.pop() as Sweepable;
    if (last !== call) {
      this.#calls[slot] = last;
      last.slot = slot;
    }
    call.slot = -1;
  }

  /** Lets each call act on a deadline that has passed; calls may end meanwhile. */
  sweep(now: number): void {
    for (const call of this.#calls.slice()) call.sweep(now);
  }
}
