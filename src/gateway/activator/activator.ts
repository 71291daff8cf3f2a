import type { Endpoint } from '../routes/endpoint.ts';
import type { Route } from '../routes/route.ts';
import type { RecentClock } from '../wire/recent-clock.ts';
import type { SharedSlots } from '../slots/shared-slots.ts';
import type { Refusal, Waiter } from './holding.ts';

export interface ActivatorOptions {
  readonly clock: RecentClock;
  readonly random: () => number;
  /** How long a request waits for a pod when neither it nor its function says otherwise. */
  readonly holdMs: number;
  /** Scale now: requests wait and there is no pod for them. */
  readonly poke: (route: Route) => void;
  /** Find out which pods are up. */
  readonly probe: (route: Route) => void;
  /** A pod that is to go away has none of our requests any more; `mark` names this draining. */
  readonly drained: (mark: string) => void;
  /** Where gateways share hard limits. */
  readonly slots: Pick<SharedSlots, 'waiting' | 'missed' | 'freed'> | undefined;
}

export type Admission =
  /** A slot on the pod is the caller's until `release`. */
  | { readonly kind: 'pod'; readonly endpoint: Endpoint }
  /** The waiter will hear `dispatch` or `refuse`. */
  | { readonly kind: 'held' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** A request as it comes. */
export interface Arrival extends Waiter {
  /** Set by the activator; 0 until it has to wait. */
  waitUntil: number;
  /** Milliseconds that the client is ready to wait (`Prefer: wait`); undefined when it did not say. */
  readonly patienceMs: number | undefined;
}

const held: Admission = { kind: 'held' };

/**
 * Admits requests to pods, and holds those for which there is none.
 *
 * Invariants:
 * 1. A request is in `demand` from `enter` until it is released, refused or gone: nothing is counted late.
 * 2. First in, first out: nobody gets a pod while another one of the route waits for it.
 * 3. A waiting request moves when a pod comes or a slot is freed, in the same turn of the event
 *    loop; the sweep only ends waits that have lasted too long.
 * 4. A slot that was taken is given back exactly once, by `release` or `retry`.
 */
export class Activator {
  readonly #options: ActivatorOptions;
  /** Routes that requests wait for, and some that none waits for any more. */
  readonly #waiting = new Set<Route>();

  constructor(options: ActivatorOptions) {
    this.#options = options;
  }

  /** A request has come. */
  enter(route: Route, arrival: Arrival): Admission {
    route.demand.arrive(this.#options.clock.now());
    if (route.holding.size === 0) {
      const endpoint = route.pick(this.#options.random);
      if (endpoint !== undefined) {
        this.#take(route, endpoint);
        return { kind: 'pod', endpoint };
      }
    }
    const admission = this.#wait(route, arrival);
    if (admission.kind === 'refused') route.demand.end(this.#options.clock.monotonic());
    return admission;
  }

  /** A request whose pod failed before a byte was sent gives its slot back and waits for another. */
  retry(route: Route, endpoint: Endpoint, arrival: Arrival): void {
    this.#give(route, endpoint);
    if (route.removed || route.loadFailure !== undefined) {
      route.demand.end(this.#options.clock.monotonic());
      arrival.refuse(route.removed ? 'gone' : 'load-failed');
      return;
    }
    const patienceMs = this.#patience(route, arrival, true);
    if (arrival.waitUntil === 0) arrival.waitUntil = this.#options.clock.monotonic() + patienceMs;
    route.holding.return(arrival);
    this.#waiting.add(route);
    route.demand.held += 1;
    this.#pump(route);
    if (!route.holding.has(arrival)) return;
    this.#options.slots?.waiting(route);
    this.#options.poke(route);
    this.#options.probe(route);
    if (patienceMs > 0) return;
    this.leave(route, arrival);
    arrival.refuse('starting');
  }

  /** A waiting request is no longer there. */
  leave(route: Route, waiter: Waiter): void {
    if (!route.holding.remove(waiter)) return;
    this.#unhold(route);
  }

  /** A request has left its pod. */
  release(route: Route, endpoint: Endpoint): void {
    this.#give(route, endpoint);
    route.demand.end(this.#options.clock.recent);
    this.#pump(route);
    if (route.traffic === undefined) return;
    // Another route of the function may share the pod.
    for (const each of route.traffic.family) if (each !== route) this.#pump(each);
  }

  /** Something about the function or its pods has changed. */
  changed(route: Route): void {
    if (route.traffic === undefined) this.#changed(route);
    else for (const each of route.traffic.family) this.#changed(each);
  }

  #changed(route: Route): void {
    route.refresh();
    if (route.removed) this.#refuseAll(route, 'gone');
    else if (route.loadFailure !== undefined) this.#refuseAll(route, 'load-failed');
    else {
      this.#pump(route);
      if (route.demand.active) this.#options.probe(route);
    }
  }

  /** Ends waits that have lasted too long. */
  sweep(now: number): void {
    for (const route of this.#waiting) {
      const cold = route.routable.length === 0;
      for (const waiter of route.holding.expired(now)) {
        this.#unhold(route);
        waiter.refuse(cold ? 'starting' : 'overloaded');
      }
      if (route.holding.size === 0) this.#waiting.delete(route);
    }
  }

  /** The gateway stops: nobody waits any longer. */
  stop(route: Route): void {
    this.#refuseAll(route, 'stopping');
  }

  #wait(route: Route, arrival: Arrival): Admission {
    const cold = route.routable.length === 0;
    const patienceMs = this.#patience(route, arrival, cold);
    const refusal = this.#refusal(route, arrival, { cold, patienceMs });
    if (refusal === undefined) {
      arrival.waitUntil = this.#options.clock.monotonic() + patienceMs;
      route.demand.held += 1;
      this.#waiting.add(route);
    }
    // Refused or held: the function is wanted, and the next request should find it up.
    if (refusal === undefined) this.#options.slots?.waiting(route);
    else this.#options.slots?.missed(route);
    this.#options.poke(route);
    this.#options.probe(route);
    return refusal === undefined ? held : { kind: 'refused', refusal };
  }

  #refusal(
    route: Route,
    arrival: Arrival,
    now: { readonly cold: boolean; readonly patienceMs: number },
  ): Refusal | undefined {
    if (route.loadFailure !== undefined) return 'load-failed';
    if (now.patienceMs <= 0) return now.cold ? 'starting' : 'overloaded';
    return route.holding.add(arrival) ? undefined : 'overloaded';
  }

  #patience(route: Route, arrival: Arrival, cold: boolean): number {
    if (arrival.patienceMs !== undefined) return arrival.patienceMs;
    return cold && route.facts.coldStart === 'refuse' ? 0 : this.#options.holdMs;
  }

  #take(route: Route, endpoint: Endpoint): void {
    endpoint.inFlight += 1;
    route.demand.inFlight += 1;
  }

  #give(route: Route, endpoint: Endpoint): void {
    endpoint.inFlight -= 1;
    route.demand.inFlight -= 1;
    this.#options.slots?.freed(route, endpoint);
    const mark = endpoint.removed ? undefined : endpoint.drained;
    if (mark !== undefined) this.#options.drained(mark);
  }

  #pump(route: Route): void {
    while (route.holding.size > 0) {
      const endpoint = route.pick(this.#options.random);
      if (endpoint === undefined) return;
      const waiter = route.holding.shift() as Waiter;
      route.demand.held -= 1;
      this.#take(route, endpoint);
      waiter.dispatch(endpoint);
    }
  }

  #refuseAll(route: Route, refusal: Refusal): void {
    for (let waiter = route.holding.shift(); waiter !== undefined; waiter = route.holding.shift()) {
      this.#unhold(route);
      waiter.refuse(refusal);
    }
  }

  #unhold(route: Route): void {
    route.demand.held -= 1;
    this.#options.slots?.waiting(route);
    route.demand.end(this.#options.clock.monotonic());
  }
}
