import { drainMark, names, type Pod, type Slots } from '../../api/index.ts';
import { PodConnections } from '../wire/pod-connections.ts';
import type { RecentClock } from '../wire/recent-clock.ts';

/** What a Pod object says about its pod, as far as routing needs it. */
export interface PodFacts {
  readonly uid: string;
  readonly name: string;
  /** `namespace/name` of the function. */
  readonly function: string;
  readonly revision: string;
  /** Empty while the pod has none. */
  readonly host: string;
  readonly port: number;
  readonly ready: boolean;
  /** Deleted, or ended: it will never serve again. */
  readonly ending: boolean;
  /** Names this draining (`drainMark`); undefined for a pod that does not drain. */
  readonly draining: string | undefined;
  /** Restarts of all its containers: with each, what is known of its processes is void. */
  readonly restarts: number;
  readonly createdMs: number;
}

/** What the gateway has found out about a pod by itself. */
export type Verdict =
  /** Nothing yet. */
  | { readonly kind: 'unknown' }
  /** It answered on its ready path. */
  | { readonly kind: 'answered' }
  /** It did not do what it should: out of the routes until a probe succeeds. */
  | { readonly kind: 'quarantined'; readonly reason: string };

/** Reads a Pod of a function; undefined for one that is none. */
export function podFacts(pod: Pod): PodFacts | undefined {
  const { metadata, status } = pod;
  const labels = metadata.labels ?? {};
  const name = labels[names.label.function];
  if (name === undefined || metadata.uid === undefined) return undefined;
  const phase = status?.phase;
  const since = metadata.annotations?.[names.annotation.draining];
  let restarts = 0;
  for (const container of status?.containerStatuses ?? []) restarts += container.restartCount;
  return {
    uid: metadata.uid,
    name: metadata.name,
    function: `${metadata.namespace ?? ''}/${name}`,
    revision: labels[names.label.revision] ?? '',
    host: status?.podIP ?? '',
    port: portOf(pod),
    // A pod out of a pool was ready before it had this function's code: only its own answer counts.
    ready: isReady(pod) && metadata.annotations?.[names.annotation.loading] === undefined,
    ending: metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed',
    draining: since === undefined ? undefined : drainMark(metadata.uid, since),
    restarts,
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
  };
}

function isReady(pod: Pod): boolean {
  for (const condition of pod.status?.conditions ?? []) {
    if (condition.type === 'Ready') return condition.status === 'True';
  }
  return false;
}

/** The first port of the first container that names one; the function port else. */
function portOf(pod: Pod): number {
  for (const container of pod.spec.containers) {
    const port = container.ports?.[0]?.containerPort;
    if (port !== undefined) return port;
  }
  return names.functionPort;
}

/**
 * One pod as this gateway knows it, by its uid.
 *
 * Invariants:
 * 1. It is routable only while the newest Pod object says neither ending nor draining, no newer pod
 *    has its address, and it is Ready or has answered the gateway's own probe.
 * 2. A verdict is void as soon as the pod's containers restarted or its Ready condition fell.
 * 3. `inFlight` counts the requests that are with it, also after it has left the routes.
 */
export class Endpoint {
  readonly uid: string;
  /** Where gateways share hard limits: how many requests this one may have here. */
  slots: Slots | undefined = undefined;
  readonly #clock: RecentClock;
  readonly #removal = new Set<() => void>();
  facts: PodFacts;
  connections: PodConnections;
  verdict: Verdict = { kind: 'unknown' };
  inFlight = 0;
  /** When the gateway came to know its address; monotonic milliseconds, 0 while there is none. */
  addressedAt = 0;
  /** A pod that was created later has the address. */
  displaced = false;
  /** The Pod object is gone. */
  removed = false;

  constructor(facts: PodFacts, clock: RecentClock) {
    this.uid = facts.uid;
    this.#clock = clock;
    this.facts = facts;
    this.connections = this.#connections(facts);
    if (facts.host !== '') this.addressedAt = clock.monotonic();
  }

  get address(): string {
    return this.facts.host === '' ? '' : `${this.facts.host}:${this.facts.port}`;
  }

  /** It may get requests, or could once it is known to be ready. */
  get eligible(): boolean {
    const { ending, draining, host } = this.facts;
    if (this.removed || this.displaced || ending) return false;
    return draining === undefined && host !== '';
  }

  get routable(): boolean {
    if (!this.eligible || this.verdict.kind === 'quarantined') return false;
    return this.facts.ready || this.verdict.kind === 'answered';
  }

  /** The mark of a draining that none of our requests holds up any more. */
  get drained(): string | undefined {
    return this.inFlight === 0 ? this.facts.draining : undefined;
  }

  /** Takes in a newer Pod object. */
  update(facts: PodFacts): void {
    const previous = this.facts;
    this.facts = facts;
    const moved = facts.host !== previous.host || facts.port !== previous.port;
    const restarted = facts.restarts > previous.restarts;
    if (moved) this.addressedAt = facts.host === '' ? 0 : this.#clock.monotonic();
    if (moved || restarted || (previous.ready && !facts.ready)) {
      this.verdict = { kind: 'unknown' };
      this.connections.close();
      this.connections = this.#connections(facts);
    } else if (facts.ready && !previous.ready && this.verdict.kind === 'quarantined') {
      this.verdict = { kind: 'unknown' };
    }
  }

  /** The Pod object is gone: nothing idle may be used any more. */
  remove(): void {
    this.removed = true;
    this.connections.close();
    for (const listener of this.#removal) listener();
    this.#removal.clear();
  }

  /** Calls the listener when the Pod object goes; returns a function that forgets it. */
  whenRemoved(listener: () => void): () => void {
    this.#removal.add(listener);
    return () => this.#removal.delete(listener);
  }

  #connections(facts: PodFacts): PodConnections {
    return new PodConnections({ host: facts.host, port: facts.port }, this.#clock);
  }
}
