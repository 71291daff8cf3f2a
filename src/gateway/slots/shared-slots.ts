import {
  functionOfDemand,
  type SlotAnswer,
  SlotHolder,
  slotLeaseMs,
  type SlotRequest,
  type Slots,
} from '../../api/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Endpoint } from '../routes/endpoint.ts';
import type { Route } from '../routes/route.ts';

export interface SharedSlotsOptions {
  readonly clock: Clock;
  readonly send: (message: SlotRequest) => void;
  /** Ends the connection to the autoscaler, so that a new one takes stock. */
  readonly reconnect: () => void;
  /** The route may have room for requests that wait. */
  readonly changed: (route: Route) => void;
}

/** How long a slot is wanted for a request that was turned away; milliseconds. */
const missedMs = 1000;

/**
 * This gateway's part of the hard limits that it shares with others.
 *
 * Where functions have a hard limit and gateways have peers, a request begins only on a slot that the
 * autoscaler has granted. Slots are kept until others want them, so that a gateway which serves a
 * function alone asks once per pod.
 *
 * Invariants:
 * 1. No request begins on a pod with as many requests of ours as we hold slots.
 * 2. All that one turn of the event loop changes leaves in at most one message of a kind per function.
 * 3. Without word from the autoscaler for `slotLeaseMs` no request begins on slots any more.
 */
export class SharedSlots {
  readonly #options: SharedSlotsOptions;
  readonly #holder = new SlotHolder();
  readonly #endpoints = new Map<string, Endpoint>();
  /** Routes that slots were wanted for, by the name of their demand. */
  readonly #routes = new Map<string, Route>();
  readonly #told = new Map<string, number>();
  readonly #dirty = new Set<Route>();
  /** When a request was turned away last, by the name of the demand. */
  readonly #missed = new Map<string, number>();
  readonly #returned = new Map<string, number>();
  #scheduled = false;
  #connected = false;
  #suspended = false;
  #heardMs = 0;

  constructor(options: SharedSlotsOptions) {
    this.#options = options;
  }

  /** Our slots of a pod; the same object for the pod's whole life. */
  of(endpoint: Endpoint): Slots {
    this.#endpoints.set(endpoint.uid, endpoint);
    return this.#holder.of(endpoint.uid);
  }

  forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.uid);
    this.#holder.forget(endpoint.uid);
  }

  /** How many requests of the route wait has changed. */
  waiting(route: Route): void {
    if (route.facts.hardConcurrency === 0 && !this.#told.has(route.facts.key)) return;
    this.#routes.set(route.facts.key, route);
    this.#dirty.add(route);
    this.#schedule();
  }

  /** A request was turned away; the next one should find a slot. */
  missed(route: Route): void {
    if (route.facts.hardConcurrency === 0) return;
    this.#missed.set(route.facts.key, this.#options.clock.monotonic());
    this.waiting(route);
  }

  /** A request has left the pod. */
  freed(route: Route, endpoint: Endpoint): void {
    if (route.facts.hardConcurrency === 0) return;
    this.#giveBack(route, endpoint);
  }

  /** A connection stands: the autoscaler hears first what we have. */
  welcome(): void {
    this.#connected = true;
    this.#suspended = false;
    this.#heardMs = this.#options.clock.monotonic();
    this.#told.clear();
    this.#returned.clear();
    this.#options.send({ kind: 'holding', pods: this.#holder.resume() });
    for (const route of this.#routes.values()) {
      this.#options.changed(route);
      this.#dirty.add(route);
    }
    this.#schedule();
  }

  lost(): void {
    this.#connected = false;
  }

  take(answer: SlotAnswer): void {
    this.#heardMs = this.#options.clock.monotonic();
    switch (answer.kind) {
      case 'granted': {
        this.#holder.granted(answer.pods);
        const granted = answer.pods.reduce((sum, { slots }) => sum + slots, 0);
        const told = this.#told.get(answer.function) ?? 0;
        this.#told.set(answer.function, Math.max(0, told - granted));
        this.#settle(answer.function);
        break;
      }
      case 'cap':
        this.#holder.capped(answer.pods);
        for (const name of this.#routes.keys()) this.#settle(name);
        break;
      case 'recall':
        this.#holder.recall(answer.function, answer);
        this.#settle(answer.function);
        break;
      case 'alive':
        break;
    }
  }

  /** Looks whether the autoscaler is still there, and tells what has been kept back. */
  sweep(now: number): void {
    for (const [key, route] of this.#routes) {
      if (now - (this.#missed.get(key) ?? now) >= missedMs) this.#missed.delete(key);
      if (route.removed) this.#routes.delete(key);
      else this.#dirty.add(route);
    }
    this.#flush(true);
    if (this.#suspended || now - this.#heardMs < slotLeaseMs || !this.#holdsAny()) return;
    this.stop();
    if (this.#connected) this.#options.reconnect();
  }

  /** Begins nothing any more; what is in use is given back as it ends. */
  stop(): void {
    this.#suspended = true;
    const inUse = (pod: string): number => this.#endpoints.get(pod)?.inFlight ?? 0;
    const pods = this.#holder.suspend(inUse);
    if (this.#connected && pods.length > 0) this.#options.send({ kind: 'returned', pods });
  }

  #holdsAny(): boolean {
    for (const uid of this.#endpoints.keys()) if (this.#holder.of(uid).held > 0) return true;
    return false;
  }

  /** Uses what there is, gives back what is owed. */
  #settle(name: string): void {
    const route = this.#routes.get(name);
    if (route === undefined) {
      this.#settleUnknown(name);
      return;
    }
    this.#options.changed(route);
    for (const endpoint of route.endpoints.values()) {
      if (route.isCurrent(endpoint)) this.#giveBack(route, endpoint);
    }
    this.#dirty.add(route);
    this.#schedule();
  }

  /** Our slots of its pods are for another target of the function, which names the same revision. */
  #settleUnknown(name: string): void {
    const { function: key, revision } = functionOfDemand(name);
    for (const endpoint of this.#endpoints.values()) {
      const { facts } = endpoint;
      if (facts.function !== key || (revision !== undefined && facts.revision !== revision))
        continue;
      this.#release(endpoint, name, false);
    }
  }

  #giveBack(route: Route, endpoint: Endpoint): void {
    this.#release(endpoint, route.facts.key, route.holding.size > 0 && endpoint.routable);
  }

  #release(endpoint: Endpoint, name: string, waiting: boolean): void {
    const { uid: pod, inFlight: inUse } = endpoint;
    const back = this.#holder.release({ function: name, pod, inUse, waiting });
    if (back === 0) return;
    this.#returned.set(endpoint.uid, (this.#returned.get(endpoint.uid) ?? 0) + back);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush(false);
    });
  }

  #flush(all: boolean): void {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    if (!this.#connected) return;
    if (this.#returned.size > 0) {
      const pods = [...this.#returned].map(([pod, slots]) => ({ pod, slots }));
      this.#returned.clear();
      this.#options.send({ kind: 'returned', pods });
    }
    for (const route of dirty) this.#tell(route, all);
  }

  #tell(route: Route, all: boolean): void {
    const { key } = route.facts;
    const told = this.#told.get(key) ?? 0;
    const wanted = this.#wanted(route);
    if (wanted === told) return;
    // A need that grows is told again when it has doubled; what lies between, with the next sweep.
    if (!all && told > 0 && wanted > 0 && wanted < 2 * told) return;
    this.#told.set(key, wanted);
    this.#options.send({ kind: 'want', function: key, slots: wanted });
  }

  /** Requests that wait and for which no slot of ours is idle. */
  #wanted(route: Route): number {
    if (route.facts.hardConcurrency === 0) return 0;
    let idle = 0;
    for (const endpoint of route.endpoints.values()) {
      if (!route.isCurrent(endpoint) || !endpoint.eligible) continue;
      const { held, cap } = this.#holder.of(endpoint.uid);
      idle += Math.max(0, Math.min(held, cap) - endpoint.inFlight);
    }
    const missed = this.#missed.has(route.facts.key) ? 1 : 0;
    return Math.max(0, route.holding.size + missed - idle);
  }
}
