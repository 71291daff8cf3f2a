import type { Endpoint } from '../routes/endpoint.ts';

/** How much of one function's load may wait for a pod. */
export interface HoldingLimits {
  readonly heldRequests: number;
  /** Heads and bodies of the requests that wait; bytes. */
  readonly heldBytes: number;
}

/** Why a request gets no pod. */
export type Refusal = 'starting' | 'overloaded' | 'load-failed' | 'gone' | 'stopping';

/** A request that waits for a pod. */
export interface Waiter {
  /** Monotonic milliseconds after which it waits no longer. */
  readonly waitUntil: number;
  /** It has a slot on the pod, which must be given back with `release`. */
  dispatch(endpoint: Endpoint): void;
  /** It waits no longer. */
  refuse(refusal: Refusal): void;
}

/**
 * The requests of one function that wait, first in first out.
 *
 * Bounded by count and by bytes: full, it takes no more and the caller answers *overloaded*.
 */
export class Holding {
  readonly #limits: HoldingLimits;
  /** Made when one waits: most functions never have any. */
  #waiters: Set<Waiter> | undefined = undefined;
  /** Requests that had a pod and lost it before a byte was sent: older than all others. */
  #returned: Set<Waiter> | undefined = undefined;
  #bytes = 0;

  constructor(limits: HoldingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return (this.#waiters?.size ?? 0) + (this.#returned?.size ?? 0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the request in at the end; false when the queue is full. */
  add(waiter: Waiter): boolean {
    if (this.size >= this.#limits.heldRequests) return false;
    (this.#waiters ??= new Set()).add(waiter);
    return true;
  }

  /** Takes a request back that was there before; never refused, as it had its place. */
  return(waiter: Waiter): void {
    (this.#returned ??= new Set()).add(waiter);
  }

  /** Counts bytes that a waiting request keeps; false when there is no room for them. */
  charge(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limits.heldBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  discharge(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Takes the first request out. */
  shift(): Waiter | undefined {
    return shiftOf(this.#returned) ?? shiftOf(this.#waiters);
  }

  has(waiter: Waiter): boolean {
    return this.#waiters?.has(waiter) === true || this.#returned?.has(waiter) === true;
  }

  /** Takes one out that waits no longer; false when it was not there. */
  remove(waiter: Waiter): boolean {
    return this.#returned?.delete(waiter) === true || this.#waiters?.delete(waiter) === true;
  }

  /** Takes out all whose time has passed. */
  expired(now: number): readonly Waiter[] {
    const out: Waiter[] = [];
    for (const set of [this.#returned, this.#waiters]) {
      for (const waiter of set ?? []) {
        if (now < waiter.waitUntil) continue;
        set?.delete(waiter);
        out.push(waiter);
      }
    }
    return out;
  }
}

function shiftOf(set: Set<Waiter> | undefined): Waiter | undefined {
  for (const waiter of set ?? []) {
    set?.delete(waiter);
    return waiter;
  }
  return undefined;
}
