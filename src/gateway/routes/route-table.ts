import type { ClaimedPod, FunctionObject, Pod, TrafficStatus } from '../../api/index.ts';
import type { Informer } from '../../client/index.ts';
import type { RecentClock } from '../wire/recent-clock.ts';
import type { HoldingLimits } from '../activator/holding.ts';
import type { SharedSlots } from '../slots/shared-slots.ts';
import { Endpoint, type PodFacts, podFacts } from './endpoint.ts';
import { type FunctionFacts, functionFacts, Route } from './route.ts';
import { latestFacts, namedFacts, Traffic } from './traffic.ts';

export interface RouteTableOptions {
  readonly functions: Informer<FunctionObject>;
  readonly pods: Informer<Pod>;
  readonly clock: RecentClock;
  readonly limits: HoldingLimits;
  /** The route, or a pod of it, has changed; its `routable` is to be refreshed. */
  readonly changed: (route: Route) => void;
  /** A pod is to go away and has none of our requests; `mark` names this draining of it. */
  readonly drained: (mark: string) => void;
  /** Where gateways share hard limits. */
  readonly slots: Pick<SharedSlots, 'of' | 'forget'> | undefined;
}

/** How long the watch may take to tell of a pod that the autoscaler has told of. */
const toldTrustMs = 5000;

/** Shared by all functions that have none: of 10,000, most are at rest. */
const noPods: ReadonlyMap<string, Endpoint> = new Map();

/**
 * Which pods serve which function, from the watches on Functions and Pods; of a pod out of a pool the
 * autoscaler tells a moment earlier.
 *
 * Owns the routes and endpoints. Invariants:
 * 1. It holds what the informers hold: a relist replaces it, since the informers report what is gone.
 * 2. A pod is known by its uid; a new pod at an old address is another endpoint with connections of
 *    its own, and the older one at that address gets no more requests.
 * 3. A pod that drains and has no request of ours is reported at once, whether or not it was ever
 *    routed to.
 * 4. A revision that the traffic names has a route of its own, until the last of its calls has ended
 *    and that was told (`dropLeft`).
 * 5. A pod that the watch does not tell of within five seconds of the autoscaler is forgotten.
 */
export class RouteTable {
  readonly #options: RouteTableOptions;
  /** Uids of pods that the watch has not told of, and until when that may be so. */
  readonly #told = new Map<string, number>();
  readonly #routes = new Map<string, Route>();
  /** Routes of revisions by their name. */
  readonly #named = new Set<Route>();
  /** Those of them that get no more calls. */
  readonly #left = new Set<Route>();
  readonly #pods = new Map<string, Endpoint>();
  readonly #podsOf = new Map<string, Map<string, Endpoint>>();
  readonly #byAddress = new Map<string, Endpoint>();

  constructor(options: RouteTableOptions) {
    this.#options = options;
  }

  /** Follows the informers; returns a function that stops it. */
  follow(): () => void {
    const { functions, pods } = this.#options;
    const stopPods = pods.handle({
      added: (pod) => this.#podChanged(pod),
      updated: (pod, previous) => {
        // One name may hold another pod after events were missed.
        if (previous.metadata.uid !== pod.metadata.uid) this.#podGone(previous.metadata.uid ?? '');
        this.#podChanged(pod);
      },
      deleted: (pod) => this.#podGone(pod.metadata.uid ?? ''),
    });
    const stopFunctions = functions.handle({
      added: (object) => this.#functionChanged(object),
      updated: (object) => this.#functionChanged(object),
      deleted: (object) => this.#functionGone(keyOf(object)),
    });
    return () => {
      stopFunctions();
      stopPods();
    };
  }

  /** The autoscaler has seen this pod load the function's code: it takes calls from now on. */
  introduce(pod: ClaimedPod): void {
    let endpoint = this.#pods.get(pod.uid);
    if (endpoint === undefined) {
      this.#told.set(pod.uid, this.#options.clock.monotonic() + toldTrustMs);
      endpoint = this.#take({ ...pod, ready: false, ending: false, draining: undefined });
    }
    if (endpoint.facts.function !== pod.function || endpoint.verdict.kind !== 'unknown') return;
    endpoint.verdict = { kind: 'answered' };
    this.#changed(endpoint);
  }

  /** Forgets pods that the watch never told of. */
  sweep(now: number): void {
    for (const [uid, until] of this.#told) {
      if (until > now) continue;
      this.#told.delete(uid);
      this.#podGone(uid);
    }
  }

  get(key: string): Route | undefined {
    return this.#routes.get(key);
  }

  /**
   * The route that `namespace/name@tag` stands for; with `host` also `namespace/tag-name`, of which the
   * longest name of a function counts.
   */
  tagged(key: string, host: boolean): Route | undefined {
    const name = nameOfTagged(key);
    if (name !== undefined) {
      return this.#routes.get(name)?.traffic?.tags.get(key.slice(key.lastIndexOf('@') + 1));
    }
    const start = key.indexOf('/') + 1;
    for (
      let dash = host ? key.indexOf('-', start) : -1;
      dash > 0;
      dash = key.indexOf('-', dash + 1)
    ) {
      const route = this.#routes.get(key.slice(0, start) + key.slice(dash + 1));
      const tagged = route?.traffic?.tags.get(key.slice(start, dash));
      if (tagged !== undefined) return tagged;
    }
    return undefined;
  }

  routes(): Iterable<Route> {
    return this.#named.size === 0 ? this.#routes.values() : this.#allRoutes();
  }

  /** Forgets routes that get no more calls and have none: to be called when that was told. */
  dropLeft(): void {
    for (const route of this.#left) {
      if (route.demand.active) continue;
      this.#left.delete(route);
      this.#named.delete(route);
      const rest = route.traffic?.without(route);
      for (const each of rest?.family ?? []) each.traffic = rest?.plain === true ? undefined : rest;
    }
  }

  endpoints(): Iterable<Endpoint> {
    return this.#pods.values();
  }

  /** The route that a pod belongs to now. */
  routeOf(endpoint: Endpoint): Route | undefined {
    return this.#routes.get(endpoint.facts.function);
  }

  /** The marks of all pods that drain and have none of our requests. */
  drained(): readonly string[] {
    const out: string[] = [];
    for (const endpoint of this.#pods.values()) {
      const mark = endpoint.drained;
      if (mark !== undefined) out.push(mark);
    }
    return out;
  }

  #functionChanged(object: FunctionObject): void {
    const facts = functionFacts(object);
    if (facts === undefined) {
      this.#functionGone(keyOf(object));
      return;
    }
    let route = this.#routes.get(facts.key);
    if (route === undefined) {
      route = new Route(facts, this.#options.limits, this.#podsOf.get(facts.key) ?? noPods);
      this.#routes.set(facts.key, route);
    } else {
      route.facts = facts;
    }
    const places = object.status?.traffic;
    if (places !== undefined || route.traffic !== undefined)
      this.#share(route, facts, places ?? []);
    this.#options.changed(route);
  }

  /** Makes the routes that the traffic asks for, and keeps those that still have calls. */
  #share(latest: Route, facts: FunctionFacts, places: readonly TrafficStatus[]): void {
    const named = new Map<string, Route>();
    for (const route of latest.traffic?.family ?? []) {
      if (route.facts.named !== undefined) named.set(route.facts.named, route);
    }
    const wanted = new Map<string, TrafficStatus>();
    for (const place of places) {
      if (place.latest !== true && place.revision !== undefined) wanted.set(place.revision, place);
    }
    for (const [revision, place] of wanted) {
      if (named.has(revision)) continue;
      const own = namedFacts(facts, revision, place);
      const route = new Route(own, this.#options.limits, latest.endpoints);
      named.set(revision, route);
      this.#named.add(route);
    }
    for (const [revision, route] of named) {
      const place = wanted.get(revision);
      route.facts = namedFacts(facts, revision, place);
      if (place === undefined) this.#left.add(route);
      else this.#left.delete(route);
    }
    if (places.length > 0) latest.facts = latestFacts(facts, places);
    const at = places.map((place) => ({
      route: place.latest === true ? latest : (named.get(place.revision ?? '') ?? latest),
      ...place,
    }));
    const tags = at.flatMap(({ tag, route }) => (tag === undefined ? [] : [[tag, route] as const]));
    const shares = at.filter(({ weight }) => weight > 0);
    const traffic = new Traffic([latest, ...named.values()], new Map(tags), shares);
    for (const route of traffic.family) route.traffic = traffic.plain ? undefined : traffic;
  }

  *#allRoutes(): Generator<Route, void, undefined> {
    yield* this.#routes.values();
    yield* this.#named;
  }

  #functionGone(key: string): void {
    const route = this.#routes.get(key);
    if (route === undefined) return;
    this.#routes.delete(key);
    for (const each of route.traffic?.family ?? [route]) {
      each.removed = true;
      this.#named.delete(each);
      this.#left.delete(each);
    }
    this.#options.changed(route);
  }

  #podChanged(pod: Pod): void {
    const facts = podFacts(pod);
    const known = this.#pods.get(pod.metadata.uid ?? '');
    if (facts === undefined || (known !== undefined && known.facts.function !== facts.function)) {
      this.#podGone(pod.metadata.uid ?? '');
      if (facts === undefined) return;
    }
    this.#told.delete(facts.uid);
    const before = this.#pods.get(facts.uid)?.facts.draining;
    const endpoint = this.#take(facts);
    this.#changed(endpoint);
    const mark = endpoint.drained;
    if (mark !== undefined && mark !== before) this.#options.drained(mark);
  }

  /** Makes the pod an endpoint of its function, or brings the endpoint up to date. */
  #take(facts: PodFacts): Endpoint {
    let endpoint = this.#pods.get(facts.uid);
    if (endpoint === undefined) {
      endpoint = new Endpoint(facts, this.#options.clock);
      endpoint.slots = this.#options.slots?.of(endpoint);
      this.#pods.set(facts.uid, endpoint);
      this.#endpointsOf(facts.function).set(facts.uid, endpoint);
    } else {
      this.#unaddress(endpoint);
      endpoint.update(facts);
    }
    this.#claimAddress(endpoint);
    return endpoint;
  }

  #podGone(uid: string): void {
    const endpoint = this.#pods.get(uid);
    if (endpoint === undefined) return;
    this.#pods.delete(uid);
    this.#unaddress(endpoint);
    endpoint.remove();
    this.#options.slots?.forget(endpoint);
    const key = endpoint.facts.function;
    const siblings = this.#podsOf.get(key);
    siblings?.delete(uid);
    if (siblings?.size === 0) {
      this.#podsOf.delete(key);
      this.#setPods(key, noPods);
    }
    this.#changed(endpoint);
  }

  #changed(endpoint: Endpoint): void {
    const route = this.routeOf(endpoint);
    if (route !== undefined) this.#options.changed(route);
  }

  /** The newest pod at an address is the one that answers there. */
  #claimAddress(endpoint: Endpoint): void {
    const { address, facts } = endpoint;
    if (address === '' || facts.ending) return;
    const holder = this.#byAddress.get(address);
    if (holder !== undefined && holder !== endpoint) {
      const loser = holder.facts.createdMs > facts.createdMs ? endpoint : holder;
      loser.displaced = true;
      loser.connections.close();
      if (loser === endpoint) return;
      this.#changed(loser);
    }
    this.#byAddress.set(address, endpoint);
  }

  #unaddress(endpoint: Endpoint): void {
    if (this.#byAddress.get(endpoint.address) === endpoint) {
      this.#byAddress.delete(endpoint.address);
    }
  }

  #endpointsOf(key: string): Map<string, Endpoint> {
    let endpoints = this.#podsOf.get(key);
    if (endpoints === undefined) {
      endpoints = new Map();
      this.#podsOf.set(key, endpoints);
      this.#setPods(key, endpoints);
    }
    return endpoints;
  }

  #setPods(key: string, pods: ReadonlyMap<string, Endpoint>): void {
    const route = this.#routes.get(key);
    if (route === undefined) return;
    for (const each of route.traffic?.family ?? [route]) each.endpoints = pods;
  }
}

/** `namespace/name` of `namespace/name@tag`; undefined for a key without a tag. */
export function nameOfTagged(key: string): string | undefined {
  const at = key.lastIndexOf('@');
  return at < 0 ? undefined : key.slice(0, at);
}

function keyOf(object: FunctionObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
