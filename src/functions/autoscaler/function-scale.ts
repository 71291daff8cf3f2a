import type { FunctionObject, Pod, ReplicaSet } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import { isLive, isReady, revisionOf, type Roles, standingFailure } from '../roles.ts';
import type { Settings } from '../settings.ts';
import { gaining, shareOf, type Target, type Traffic } from '../traffic.ts';
import { Decider, type Situation } from './decider.ts';
import type { Demand } from './demand-ledger.ts';
import { capacityOf, type SetView } from './scale-plan.ts';

/** Beyond the timeout of a request, for acknowledgements to arrive. */
const drainMarginMs = 15_000;

/** What a decision about one function is made from. */
export interface Moment {
  readonly fn: FunctionObject;
  readonly settings: Settings;
  readonly roles: Roles;
  readonly traffic: Traffic;
  /** For these revisions together; undefined in place of one is the latest, no list at all is all. */
  readonly demandOf: (revisions?: readonly (string | undefined)[]) => Demand;
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
 * Each revision that calls can reach is scaled by the calls for it: the latest one, and each one that
 * the traffic names. `scaling.min` and a pinned number of pods are for the one with the largest part.
 *
 * Owns the windows of demand, the start of the idle clocks, and which pods were released. Losing all
 * of it costs only time: nothing shrinks until it has been gathered again.
 */
export class FunctionScale {
  readonly #latest = new Lane();
  readonly #named = new Map<string, Lane>();
  readonly #released = new Map<string, Set<string>>();

  /** Any of its revisions is in panic. */
  get panicking(): boolean {
    return this.#latest.panicking || [...this.#named.values()].some((lane) => lane.panicking);
  }

  /** Takes the sample of this second. */
  record(moment: Moment): void {
    const { roles, traffic } = moment;
    const latest = roles.active ?? roles.candidate;
    if (latest !== undefined)
      this.#latest.record(callsOfLatest(moment, latest, this.view(moment, latest)));
    for (const { revision, set } of traffic.targets) {
      if (revision === undefined || set === undefined || set === latest) continue;
      this.#laneOf(revision).record(callsByName(moment, set, this.view(moment, set)));
    }
  }

  /** The number of pods wanted of one of the function's ReplicaSets. */
  wanted(moment: Moment, set: ReplicaSet): number {
    const { fn, roles } = moment;
    const floor = arrivalFloor(moment, set);
    if (set === roles.active) return Math.max(floor, this.#wantedOfLatest(moment, set));
    if (standingFailure(fn, set) !== undefined) return 0;
    const named = Math.max(floor, this.#wantedByName(moment, set));
    return set === roles.candidate ? Math.max(named, this.#wantedOfCandidate(moment, set)) : named;
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
    for (const revision of this.#named.keys()) {
      if (!sets.some((set) => revisionOf(set) === revision)) this.#named.delete(revision);
    }
  }

  #wantedOfLatest(moment: Moment, set: ReplicaSet): number {
    return this.#latest.wanted(callsOfLatest(moment, set, this.view(moment, set)));
  }

  #wantedOfCandidate(moment: Moment, set: ReplicaSet): number {
    const { roles, podsOf } = moment;
    const floor = Math.max(1, settingsFor(moment, undefined).min);
    const isProven = podsOf(set).some((pod) => isLive(pod) && isReady(pod));
    if (roles.active !== undefined && !isProven) return floor;
    return Math.max(floor, this.#wantedOfLatest(moment, roles.active ?? set));
  }

  /** What calls for just this revision need; of one that is no target any more, to its last call. */
  #wantedByName(moment: Moment, set: ReplicaSet): number {
    const revision = revisionOf(set);
    const isTarget = moment.traffic.targets.some((target) => target.revision === revision);
    if (isTarget || moment.demandOf([revision]).requests > 0) {
      return this.#laneOf(revision).wanted(callsByName(moment, set, this.view(moment, set)));
    }
    this.#named.delete(revision);
    return 0;
  }

  #laneOf(revision: string): Lane {
    let lane = this.#named.get(revision);
    if (lane === undefined) {
      lane = new Lane();
      this.#named.set(revision, lane);
    }
    return lane;
  }
}

/** The calls that one ReplicaSet is there for, at one moment. */
interface Calls {
  readonly set: ReplicaSet;
  readonly view: SetView;
  readonly demand: Demand;
  readonly settings: Settings;
  readonly nowMs: number;
}

function callsOfLatest(moment: Moment, set: ReplicaSet, view: SetView): Calls {
  const demand = moment.demandOf([undefined, revisionOf(set)]);
  return { set, view, demand, settings: settingsFor(moment, undefined), nowMs: moment.nowMs };
}

function callsByName(moment: Moment, set: ReplicaSet, view: SetView): Calls {
  const revision = revisionOf(set);
  const settings = settingsFor(moment, revision);
  return { set, view, demand: moment.demandOf([revision]), settings, nowMs: moment.nowMs };
}

/** The Function's settings for one of its targets: `min` and a pinned number are for the main one. */
function settingsFor({ settings, traffic, roles }: Moment, revision: string | undefined): Settings {
  const { main } = traffic;
  const isActive = main.set !== undefined && main.set === roles.active;
  if (main.revision === revision || (revision === undefined && isActive)) return settings;
  return { ...settings, min: 0, pinned: undefined };
}

/** Pods that a target has to have before it gets its part of the calls. */
function arrivalFloor({ traffic, settings, demandOf }: Moment, set: ReplicaSet): number {
  const target: Target | undefined = gaining(traffic).find((each) => each.set === set);
  if (target === undefined) return 0;
  const pods = Math.ceil(demandOf().requests / settings.perPod);
  return Math.min(settings.max, Math.max(1, shareOf(pods, target, traffic)));
}

/** What the autoscaler remembers of the calls for one target. */
class Lane {
  readonly #decider = new Decider();
  #serving = { uid: '', capacity: 0, ready: false, sinceMs: 0 };

  get panicking(): boolean {
    return this.#decider.panicking;
  }

  record(calls: Calls): void {
    this.#decider.record(this.#situation(calls), calls.settings);
  }

  wanted(calls: Calls): number {
    return this.#decider.wanted(this.#situation(calls), calls.settings);
  }

  #situation({ set, view, demand, nowMs }: Calls): Situation {
    const capacity = capacityOf(view);
    const readyPods = view.pods.filter((pod) => pod.ready && !pod.draining).length;
    const wokenMs = this.#wokenMs({ set, capacity, ready: readyPods > 0, nowMs });
    const lastActiveMs = demand.lastActiveMs ?? Number.NEGATIVE_INFINITY;
    const idleSinceMs = Math.max(lastActiveMs, demand.watchedSinceMs, wokenMs);
    return { nowMs, requests: demand.requests, idleSinceMs, capacity, readyPods };
  }

  /** Since when the target has been awake: since its first pod was asked for, then since it was ready. */
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
