import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import { annotations } from './annotations.ts';
import type { Blueprint, Resolved } from './blueprint.ts';
import { isServing, takesOverInMs } from './proof.ts';
import { isLive, type RevisionFailure, revisionOf, rolesOf, standingFailure } from './roles.ts';
import { trafficOf } from './traffic.ts';
import { planTraffic, type TrafficPlan } from './traffic-plan.ts';
import { troubleOf } from './trouble.ts';

export interface RolloutView {
  readonly fn: FunctionObject;
  readonly resolved: Resolved;
  readonly sets: readonly ReplicaSet[];
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  /** Pods that the requests of this moment need, of those for the latest revision. */
  readonly neededPods: number;
  /** The same of all requests. */
  readonly neededInAll: number;
  readonly nowMs: number;
}

/** What is to be done about a Function's revisions; each step is right by itself, in any order. */
export interface RolloutPlan {
  /** Make the ReplicaSet of the revision that the spec asks for. */
  readonly create: boolean;
  /** The spec asks for this revision anew: note when, and forget why it was given up. */
  readonly revive: ReplicaSet | undefined;
  /** It lacks what makes no new revision: the gateway's URL, the grace period, the spec's present words. */
  readonly mend: ReplicaSet | undefined;
  /** Give this revision up. */
  readonly fail: { readonly set: ReplicaSet; readonly failure: RevisionFailure } | undefined;
  /** The revision that is to take the traffic from now on, when it is another one than before. */
  readonly promote: string | undefined;
  /** Note of this revision that it has worked. */
  readonly prove: ReplicaSet | undefined;
  readonly traffic: TrafficPlan;
  /** History beyond the limit. */
  readonly remove: readonly ReplicaSet[];
  /** When time alone changes what is to be done. */
  readonly againAfterMs: number | undefined;
}

/** A candidate that did not become ready for this long is given up. */
export const progressDeadlineMs = 600_000;

/**
 * Decides how a Function's revisions go on.
 *
 * 1. The active revision goes on serving until a candidate has a ready pod.
 * 2. A candidate whose code does not load, or that is not ready within the deadline, is given up
 *    until the spec changes; the active revision stays.
 * 3. Only ReplicaSets at zero that are neither active nor asked for, nor named in the traffic, are
 *    removed.
 */
export function planRollout(view: RolloutView): RolloutPlan {
  const { fn, resolved, sets } = view;
  const blueprint = resolved.kind === 'valid' ? resolved.blueprint : undefined;
  const { active, candidate, retired } = rolesOf(fn, blueprint?.revision, sets);
  const current = sets.find((set) => revisionOf(set) === blueprint?.revision);
  const trial = candidate === undefined ? undefined : tryCandidate(view, candidate, active);
  const latest = trial?.kind === 'proven' ? trial.set : active;
  const traffic = trafficOf(fn, sets, latest);
  const move = planTraffic({ ...view, traffic, maxPods: resolved.settings.max });
  return {
    create: blueprint !== undefined && current === undefined,
    revive: current !== undefined && isStale(view, current) ? current : undefined,
    mend: isUpToDate(blueprint, current) ? undefined : current,
    fail: trial?.kind === 'failed' ? { set: trial.set, failure: trial.failure } : undefined,
    promote: trial?.kind === 'proven' ? revisionOf(trial.set) : undefined,
    prove: latest?.metadata.annotations?.[annotations.proven] === undefined ? latest : undefined,
    traffic: move,
    remove: excess(
      retired.filter((set) => traffic.targets.every((target) => target.set !== set)),
      resolved.settings.historyLimit,
    ),
    againAfterMs: soonest(trial?.kind === 'waiting' ? trial.forMs : undefined, move.againAfterMs),
  };
}

/** What may change without a new revision: parts of the template, and the words of the same spec. */
function isUpToDate(blueprint: Blueprint | undefined, current: ReplicaSet | undefined): boolean {
  const { template, revisionSpec } = annotations;
  const written = current?.metadata.annotations ?? {};
  return (
    written[template] === blueprint?.templateHash && written[revisionSpec] === blueprint?.record
  );
}

function soonest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** True for a revision that the spec asks for again, after another one, or after it was given up. */
function isStale({ fn, sets }: RolloutView, current: ReplicaSet): boolean {
  const given = current.metadata.annotations?.[annotations.failure] !== undefined;
  if (given && standingFailure(fn, current) === undefined) return true;
  return sets.some((set) => requestedMs(set) > requestedMs(current));
}

type Trial =
  | { readonly kind: 'proven'; readonly set: ReplicaSet }
  | { readonly kind: 'failed'; readonly set: ReplicaSet; readonly failure: RevisionFailure }
  | { readonly kind: 'waiting'; readonly forMs: number }
  | { readonly kind: 'over' };

function tryCandidate(view: RolloutView, set: ReplicaSet, active: ReplicaSet | undefined): Trial {
  const { fn, nowMs } = view;
  if (standingFailure(fn, set) !== undefined) return { kind: 'over' };
  const pods = view.podsOf(set).filter(isLive);
  const ready = pods.filter(isServing);
  const give = (reason: string, message: string): Trial => ({
    kind: 'failed',
    set,
    failure: { generation: fn.metadata.generation ?? 0, reason, message },
  });
  if (ready.length > 0) {
    const serving = active === undefined ? 0 : view.podsOf(active).filter(isServing).length;
    const leftMs = takesOverInMs(ready, Math.min(view.neededPods, serving), nowMs);
    return leftMs === 0 ? { kind: 'proven', set } : { kind: 'waiting', forMs: leftMs };
  }
  // An earlier try of a revision that is being revived says nothing about this one.
  if (isStale(view, set)) return { kind: 'over' };
  const trouble = troubleOf(set, pods);
  if (trouble?.reason === 'LoadFailed') return give(trouble.reason, trouble.message);
  const leftMs = requestedMs(set) + progressDeadlineMs - nowMs;
  if (leftMs > 0) return { kind: 'waiting', forMs: leftMs };
  return give(
    trouble?.reason ?? 'ProgressDeadlineExceeded',
    trouble?.message ?? `No pod became ready within ${progressDeadlineMs / 1000} s`,
  );
}

function requestedMs(set: ReplicaSet): number {
  const text =
    set.metadata.annotations?.[annotations.requestedAt] ?? set.metadata.creationTimestamp;
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function excess(retired: readonly ReplicaSet[], historyLimit: number): readonly ReplicaSet[] {
  return retired
    .toSorted((a, b) => requestedMs(b) - requestedMs(a))
    .slice(Math.max(0, historyLimit))
    .filter((set) => (set.spec.replicas ?? 1) === 0 && (set.status?.replicas ?? 0) === 0);
}
