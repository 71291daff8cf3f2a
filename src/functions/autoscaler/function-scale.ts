import type { FunctionObject, Pod, ReplicaSet } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import { isLive, isReady, type Roles, standingFailure } from '../roles.ts';
import type { Settings } from '../settings.ts';
import { Decider } from './decider.ts';
import type { Demand } from './demand-ledger.ts';
import { capacityOf, type SetView } from './scale-plan.ts';

/** Beyond the timeout of a request, for acknowledgements to arrive. */
const drainMarginMs = 15_000;

/** What a decision about one function is made from. */
export interface Moment {
  readonly fn: FunctionObject;
  readonly settings: Settings;
  readonly roles: Roles;
  readonly demand: Demand;
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  /** `since` is the value of the pod's draining annotation. */
  readonly isDrained: (uid: string, since: string) => boolean;
  /** Monotonic. */
  readonly nowMs: number;
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
}

/**
 * The autoscaler's memory of one function, and its decisions.
 *
 * Owns the windows of demand, the start of the idle clock, and which pods were released. Losing all
 * of it costs only time: nothing shrinks until it has been gathered again.
 */
export class FunctionScale {
  readonly #decider = new Decider();
  readonly #released = new Map<string, Set<string>>();
  #serving = { uid: '', capacity: 0, ready: false, sinceMs: 0 };

  /** Takes the sample of this second. */
  record(moment: Moment): void {
    const set = servingSet(moment);
    if (set !== undefined) this.#decider.record(this.#situation(moment, set), moment.settings);
  }

  /** The number of pods wanted of one of the function's ReplicaSets. */
  wanted(moment: Moment, set: ReplicaSet): number {
    const { fn, roles, settings, podsOf } = moment;
    if (set === roles.active) return this.#asked(moment, set);
    if (set !== roles.candidate || standingFailure(fn, set) !== undefined) return 0;
    const floor = Math.max(1, settings.min);
    const isProven = podsOf(set).some((pod) => isLive(pod) && isReady(pod));
    if (roles.active !== undefined && !isProven) return floor;
    return Math.max(floor, this.#asked(moment, roles.active ?? set));
  }

  view(moment: Moment, set: ReplicaSet, pods = moment.podsOf(set)): SetView {
    const uid = set.metadata.uid ?? '';
    return {
      replicas: set.spec.replicas ?? 1,
      settled: (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0),
      seenReady: set.status?.readyReplicas ?? 0,
      stuck:
        set.status?.conditions?.some(
          (condition) => condition.type === 'ReplicaFailure' && condition.status === 'True',
        ) === true,
      released: this.#released.get(uid) ?? new Set(),
      pods: pods.filter(isLive).map((pod) => podView(moment, pod)),
    };
  }

  /** Pods that were draining when the ReplicaSet was lowered. */
  release(set: ReplicaSet, uids: readonly string[]): void {
    const uid = set.metadata.uid ?? '';
    const known = this.#released.get(uid) ?? new Set<string>();
    for (const pod of uids) known.add(pod);
    this.#released.set(uid, known);
  }

  /** Forgets what is gone. */
  forget(sets: readonly ReplicaSet[], podsOf: (set: ReplicaSet) => readonly Pod[]): void {
    for (const [uid, released] of this.#released) {
      const set = sets.find((it) => it.metadata.uid === uid);
      const uids = new Set(set === undefined ? [] : podsOf(set).map((pod) => pod.metadata.uid));
      for (const pod of released) if (!uids.has(pod)) released.delete(pod);
      if (released.size === 0) this.#released.delete(uid);
    }
  }

  #asked(moment: Moment, set: ReplicaSet): number {
    return this.#decider.wanted(this.#situation(moment, set), moment.settings);
  }

  #situation(moment: Moment, set: ReplicaSet) {
    const { demand, nowMs } = moment;
    const view = this.view(moment, set);
    const capacity = capacityOf(view);
    const readyPods = view.pods.filter((pod) => pod.ready && !pod.draining).length;
    const wokenMs = this.#wokenMs({ set, capacity, ready: readyPods > 0, nowMs });
    const lastActiveMs = demand.lastActiveMs ?? Number.NEGATIVE_INFINITY;
    const idleSinceMs = Math.max(lastActiveMs, demand.watchedSinceMs, wokenMs);
    return { nowMs, requests: demand.requests, idleSinceMs, capacity, readyPods };
  }

  /** Since when the function has been awake: since its first pod was asked for, then since it was ready. */
  #wokenMs(now: { set: ReplicaSet; capacity: number; ready: boolean; nowMs: number }): number {
    const before = this.#serving;
    const uid = now.set.metadata.uid ?? '';
    const isSame = before.uid === uid;
    const woke = now.capacity > 0 && (!isSame || before.capacity === 0);
    const started = now.ready && (!isSame || !before.ready);
    this.#serving = {
      uid,
      capacity: now.capacity,
      // A pod that becomes ready again and again does not wind the clock back each time.
      ready: now.ready || (isSame && before.ready && now.capacity > 0),
      sinceMs: woke || started ? now.nowMs : before.sinceMs,
    };
    return this.#serving.sinceMs;
  }
}

/** The ReplicaSet that requests reach. */
function servingSet({ roles }: Moment): ReplicaSet | undefined {
  return roles.active ?? roles.candidate;
}

function podView({ isDrained, settings, wallMs }: Moment, pod: Pod): SetView['pods'][number] {
  const uid = pod.metadata.uid ?? '';
  const since = pod.metadata.annotations?.[names.annotation.draining];
  const limitMs = settings.timeoutMs + drainMarginMs;
  return {
    uid,
    ready: isReady(pod),
    draining: since !== undefined,
    drained:
      since !== undefined && (isDrained(uid, since) || !(wallMs - Date.parse(since) < limitMs)),
    createdMs: Date.parse(pod.metadata.creationTimestamp ?? '') || 0,
  };
}
