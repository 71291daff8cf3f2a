import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import { isServing, takesOverInMs } from './proof.ts';
import { isLive, type RevisionFailure, standingFailure } from './roles.ts';
import { gaining, shareOf, type Target, type Traffic } from './traffic.ts';
import { troubleOf } from './trouble.ts';

export interface TrafficView {
  readonly fn: FunctionObject;
  readonly traffic: Traffic;
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  /** Pods that all calls of this moment need, whichever revision they are for. */
  readonly neededInAll: number;
  /** The most pods that one revision may have. */
  readonly maxPods: number;
  readonly nowMs: number;
}

/** What is to be done about a Function's traffic. */
export interface TrafficPlan {
  /** The parts that the spec asks for are in force from now on. */
  readonly moves: boolean;
  /** Who keeps them from it: it gets calls anew and has not proven itself yet. */
  readonly waitsFor: Target | undefined;
  /** Give this revision up. */
  readonly fail: { readonly set: ReplicaSet; readonly failure: RevisionFailure } | undefined;
  readonly againAfterMs: number | undefined;
}

/**
 * Decides whether the parts that `spec.traffic` asks for come into force, all at once.
 *
 * 1. Who gets calls anew has a ready pod first, and for a while as many as its part needs: calls go on
 *    where they went, so that nobody waits for a pod to start.
 * 2. A revision whose code does not load is given up until the spec changes, and nothing moves.
 */
export function planTraffic(view: TrafficView): TrafficPlan {
  const { fn, traffic, podsOf, nowMs } = view;
  const serving = traffic.targets
    .filter(({ inForce, set }) => inForce > 0 && set !== undefined)
    .flatMap(({ set }) => podsOf(set as ReplicaSet).filter(isServing)).length;
  for (const target of gaining(traffic)) {
    const { set, revision } = target;
    // Before any revision has proven itself, calls of the latest one wait wherever they go.
    if (set === undefined) continue;
    const live = podsOf(set).filter(isLive);
    const ready = live.filter(isServing);
    if (ready.length > 0) {
      const share = shareOf(view.neededInAll, target, traffic);
      const needed = Math.min(share, serving, view.maxPods);
      const leftMs = takesOverInMs(ready, needed, nowMs);
      if (leftMs > 0) return waiting(target, { againAfterMs: leftMs });
      continue;
    }
    const trouble = troubleOf(set, live);
    const isHopeless = trouble?.reason === 'LoadFailed' && revision !== undefined;
    if (!isHopeless || standingFailure(fn, set) !== undefined) return waiting(target, {});
    const generation = fn.metadata.generation ?? 0;
    return waiting(target, { fail: { set, failure: { generation, ...trouble } } });
  }
  return { moves: true, waitsFor: undefined, fail: undefined, againAfterMs: undefined };
}

function waiting(
  waitsFor: Target,
  { fail, againAfterMs }: Partial<Pick<TrafficPlan, 'fail' | 'againAfterMs'>>,
): TrafficPlan {
  return { moves: false, waitsFor, fail, againAfterMs };
}
