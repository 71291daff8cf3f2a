import type {
  Condition,
  FunctionObject,
  FunctionStatus,
  Pod,
  ReplicaSet,
  TrafficStatus,
} from '../api/index.ts';
import { names } from '../api/index.ts';
import type { Resolved } from './blueprint.ts';
import { isLive, isReady, revisionOf, rolesOf, standingFailure } from './roles.ts';
import { type Place, placesOf, type Traffic, trafficOf } from './traffic.ts';
import type { TrafficPlan } from './traffic-plan.ts';
import { type Trouble, troubleOf } from './trouble.ts';

export interface StatusView {
  readonly fn: FunctionObject;
  readonly resolved: Resolved;
  readonly sets: readonly ReplicaSet[];
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  readonly gatewayUrl: string;
  /** Why an object of the wanted revision could not be written. */
  readonly refusal: Trouble | undefined;
  readonly move: Pick<TrafficPlan, 'moves' | 'waitsFor'>;
  /** Wall time of the last request that is known; undefined when none is. */
  readonly lastInvokedMs: number | undefined;
  readonly nowMs: number;
}

/** A last call is written down when the written one is older than this, or when a pod comes or goes. */
export const lastInvokedStepMs = 60_000;

interface Verdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/**
 * The status of a Function.
 *
 * `Ready` says whether what the spec asks for works; `Serving` whether calls are answered, if need be
 * by an older revision. A function at zero is both.
 */
export function functionStatus(view: StatusView): FunctionStatus {
  const { fn, resolved, sets } = view;
  const wanted = resolved.kind === 'valid' ? resolved.blueprint.revision : undefined;
  const { active, candidate } = rolesOf(fn, wanted, sets);
  const traffic = trafficOf(fn, sets, active);
  const places = placesOf(fn, traffic, view.move.moves).map((place) => ({
    place,
    set: place.latest === true ? active : sets.find((set) => revisionOf(set) === place.revision),
  }));
  const main = places.reduce((a, b) => (b.place.weight > a.place.weight ? b : a)).set;
  const serving = servingVerdict(view, main);
  const ready = readyVerdict(view, { active, candidate, serving, traffic });
  const counted = main ?? candidate;
  const live = counted === undefined ? [] : view.podsOf(counted).filter(isLive);
  const lastInvoked = lastInvokedText(view, live.length);
  const isPlain = (fn.spec.traffic ?? []).length === 0 && places.every(({ place }) => place.latest);
  const url = `${view.gatewayUrl}/${fn.metadata.namespace ?? ''}/${fn.metadata.name}`;
  return {
    observedGeneration: fn.metadata.generation ?? 0,
    conditions: [
      condition(view, 'Ready', ready),
      condition(view, 'Serving', serving ?? { ...ready, status: 'False' }),
    ],
    replicas: live.length,
    readyReplicas: live.filter(isReady).length,
    ...(active === undefined ? {} : { revision: revisionOf(active) }),
    ...(isPlain
      ? {}
      : { traffic: places.map(({ place, set }) => trafficStatus(view, place, { set, url })) }),
    ...(counted === undefined ? {} : { selector: selectorText(fn, counted) }),
    url,
    ...(lastInvoked === undefined ? {} : { lastInvoked }),
  };
}

function trafficStatus(
  view: StatusView,
  { latest, revision, weight, tag }: Place,
  { set, url }: { readonly set: ReplicaSet | undefined; readonly url: string },
): TrafficStatus {
  const live = set === undefined ? [] : view.podsOf(set).filter(isLive);
  const name = set === undefined ? revision : revisionOf(set);
  const trouble = set === undefined ? undefined : revisionTrouble(view, set, live);
  return {
    ...(name === undefined ? {} : { revision: name }),
    ...(latest === undefined ? {} : { latest }),
    weight,
    ...(tag === undefined ? {} : { tag, url: `${url}@${tag}` }),
    replicas: live.length,
    readyReplicas: live.filter(isReady).length,
    ...(trouble === undefined ? {} : { reason: trouble.reason, message: trouble.message }),
  };
}

/** What keeps a revision from serving, or made it be given up. */
function revisionTrouble(
  { fn }: StatusView,
  set: ReplicaSet,
  live: readonly Pod[],
): Trouble | undefined {
  if (live.some(isReady)) return undefined;
  return standingFailure(fn, set) ?? troubleOf(set, live);
}

function servingVerdict(view: StatusView, main: ReplicaSet | undefined): Verdict | undefined {
  if (main === undefined) return undefined;
  const live = view.podsOf(main).filter(isLive);
  const ready = live.filter(isReady).length;
  const revision = revisionOf(main);
  if (ready > 0) return { status: 'True', reason: 'Ready', message: `Revision ${revision} serves` };
  const trouble = troubleOf(main, live);
  if (trouble !== undefined) return { status: 'False', ...trouble };
  if (live.length > 0 || (main.spec.replicas ?? 1) > 0) {
    return { status: 'True', reason: 'Starting', message: `Revision ${revision} is starting` };
  }
  return {
    status: 'True',
    reason: 'Idle',
    message: `Revision ${revision} is scaled to zero; the next call starts it`,
  };
}

interface Standing {
  readonly active: ReplicaSet | undefined;
  readonly candidate: ReplicaSet | undefined;
  readonly serving: Verdict | undefined;
  readonly traffic: Traffic;
}

function readyVerdict(view: StatusView, standing: Standing): Verdict {
  const { active, candidate, serving } = standing;
  const { fn, resolved } = view;
  // The reason alone tells callers' side whether calls are answered all the same.
  const failed = ({ reason, message }: Trouble): Verdict =>
    active === undefined
      ? { status: 'False', reason, message }
      : {
          status: 'False',
          reason: 'UpdateFailed',
          message: `${reason}: ${message} (revision ${revisionOf(active)} still serves)`,
        };
  if (resolved.kind === 'invalid') return failed(resolved);
  if (candidate === undefined && serving !== undefined) {
    return trafficVerdict(view, standing.traffic) ?? serving;
  }
  const failure = standingFailure(fn, candidate) ?? view.refusal;
  if (failure !== undefined) return failed(failure);
  const { revision } = resolved.blueprint;
  const live = candidate === undefined ? [] : view.podsOf(candidate).filter(isLive);
  const trouble = candidate === undefined ? undefined : troubleOf(candidate, live);
  if (trouble !== undefined) return failed(trouble);
  return active === undefined
    ? { status: 'False', reason: 'Starting', message: `Revision ${revision} is starting` }
    : {
        status: 'Unknown',
        reason: 'Updating',
        message: `Revision ${revision} is starting; revision ${revisionOf(active)} serves until it is ready`,
      };
}

/** What keeps the spec's traffic from being in force; undefined when it is. */
function trafficVerdict(view: StatusView, { missing }: Traffic): Verdict | undefined {
  const { sets, move } = view;
  const [gone] = missing;
  if (gone !== undefined) {
    const there = sets.map((set) => `"${revisionOf(set)}"`).join(', ');
    return {
      status: 'False',
      reason: 'RevisionMissing',
      message: `Cannot send calls to revision "${gone}": there is none of this name, there are ${there}; the other targets take its share`,
    };
  }
  const set = move.waitsFor?.set;
  if (set === undefined) return undefined;
  const trouble = revisionTrouble(view, set, view.podsOf(set).filter(isLive));
  const revision = revisionOf(set);
  return trouble === undefined
    ? {
        status: 'Unknown',
        reason: 'Updating',
        message: `Revision ${revision} is starting; until it is ready calls go where they went`,
      }
    : {
        status: 'False',
        reason: 'UpdateFailed',
        message: `${trouble.reason}: ${trouble.message} (revision ${revision} gets no share; calls go where they went)`,
      };
}

function condition({ fn, nowMs }: StatusView, type: string, verdict: Verdict): Condition {
  const before = fn.status?.conditions?.find((it) => it.type === type);
  const since = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  return {
    type,
    ...verdict,
    observedGeneration: fn.metadata.generation ?? 0,
    lastTransitionTime: since ?? seconds(nowMs),
  };
}

function selectorText(fn: FunctionObject, set: ReplicaSet): string {
  return `${names.label.function}=${fn.metadata.name},${names.label.revision}=${revisionOf(set)}`;
}

/** Written rarely: each change of it costs a write that every watcher sees. */
function lastInvokedText({ fn, lastInvokedMs }: StatusView, live: number): string | undefined {
  const before = fn.status?.lastInvoked;
  if (lastInvokedMs === undefined) return before;
  const next = seconds(lastInvokedMs);
  if (before === undefined) return next;
  const laterMs = Date.parse(next) - Date.parse(before);
  const dueMs = live === fn.status?.replicas ? lastInvokedStepMs : 0;
  return laterMs > 0 && laterMs >= dueMs ? next : before;
}

/** metav1.Time. */
function seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
