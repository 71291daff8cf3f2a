/**
 * How the pods of one ReplicaSet are made as many as are wanted without ever taking one that has a
 * request. A pure function of what is seen; all state is in the objects, but for `released`.
 *
 * A pod that is to go is marked as draining; the gateways take it out of their routes and answer when
 * none of their requests is on it; then the ReplicaSet is lowered, and its controller deletes the pods
 * that it ranks lowest. Draining is called off when the pod is wanted again.
 *
 * Invariants:
 * 1. The ReplicaSet is lowered only when each pod that its controller would choose is out of all
 *    routes and idle: all draining pods have been answered for, and all others rank above them.
 * 2. After lowering, draining is called off for no pod until the controller has dealt with the
 *    present spec (`settled`): until then each of them may be about to be deleted. More pods are had
 *    by raising the ReplicaSet.
 * 3. A raise counts pods that are draining as no capacity.
 */
export interface PodView {
  readonly uid: string;
  readonly ready: boolean;
  readonly draining: boolean;
  /** All gateways have answered for this draining, or they had time enough. */
  readonly drained: boolean;
  readonly createdMs: number;
}

export interface SetView {
  /** `spec.replicas`. */
  readonly replicas: number;
  /** The ReplicaSet's controller has seen the present spec, and acted on it. */
  readonly settled: boolean;
  /** `status.readyReplicas`: of how many pods the controller knows that they are ready. */
  readonly seenReady: number;
  /** It says that it cannot make pods (a quota, an admission). */
  readonly stuck: boolean;
  /** Pods that run or start; neither ended nor terminating. */
  readonly pods: readonly PodView[];
  /** Uids of pods that were draining when this process lowered the ReplicaSet. */
  readonly released: ReadonlySet<string>;
}

export type ScaleStep =
  | { readonly kind: 'drain'; readonly pods: readonly string[] }
  | { readonly kind: 'keep'; readonly pods: readonly string[] }
  | { readonly kind: 'raise'; readonly replicas: number }
  | { readonly kind: 'lower'; readonly replicas: number; readonly released: readonly string[] };

/** The pods that can be counted on, now or once they have started. */
export function capacityOf(view: SetView): number {
  const { counted, fresh } = split(view);
  return Math.min(view.replicas, fresh.length + Math.max(0, view.replicas - counted.length));
}

/** The next steps towards `wanted` pods; empty when there is nothing to do but wait. */
export function planScale(view: SetView, wanted: number): readonly ScaleStep[] {
  const capacity = capacityOf(view);
  const { counted } = split(view);
  // While the controller is still removing pods, which ones will stay is not ours to say.
  const calm = view.settled && counted.length <= view.replicas;
  if (wanted > capacity) return grow(view, wanted - capacity, calm);
  return calm ? shrink(view, wanted) : [];
}

interface Split {
  /** The pods but for those that are sure to go. */
  readonly counted: readonly PodView[];
  readonly fresh: readonly PodView[];
  readonly draining: readonly PodView[];
}

function split({ pods, settled, released }: SetView): Split {
  const counted = settled ? pods : pods.filter((pod) => !pod.draining || !released.has(pod.uid));
  return {
    counted,
    fresh: counted.filter((pod) => !pod.draining),
    draining: counted.filter((pod) => pod.draining),
  };
}

function grow(view: SetView, missing: number, calm: boolean): readonly ScaleStep[] {
  const { draining } = split(view);
  const kept = calm ? best(draining).slice(0, missing) : [];
  const more = missing - kept.length;
  return [
    ...(kept.length === 0 ? [] : [{ kind: 'keep', pods: kept.map(uidOf) } as const]),
    ...(more === 0 ? [] : [{ kind: 'raise', replicas: view.replicas + more } as const]),
  ];
}

/** Only when calm: no released pods are left and the ReplicaSet has no more pods than it asks for. */
function shrink(view: SetView, wanted: number): readonly ScaleStep[] {
  const { pods, replicas, stuck } = view;
  const coming = replicas - pods.length;
  // Pods that come can neither be drained nor kept apart from those that are: wait for them.
  if (coming > 0 && !stuck) return [];
  const victims = new Set(best(pods).slice(wanted).map(uidOf));
  const drain = pods.filter((pod) => victims.has(pod.uid) && !pod.draining);
  const keep = pods.filter((pod) => !victims.has(pod.uid) && pod.draining);
  if (drain.length > 0 || keep.length > 0) {
    return [
      ...(keep.length === 0 ? [] : [{ kind: 'keep', pods: keep.map(uidOf) } as const]),
      ...(drain.length === 0 ? [] : [{ kind: 'drain', pods: drain.map(uidOf) } as const]),
    ];
  }
  const left = pods.filter((pod) => !pod.draining);
  const gone = pods.filter((pod) => pod.draining);
  const target = Math.max(left.length, wanted);
  if (target === replicas || gone.some((pod) => !pod.drained)) return [];
  // A pod that is not ready is deleted before a ready one, whatever its deletion cost.
  if (gone.length > 0 && left.some((pod) => !pod.ready)) return [];
  if (pods.filter((pod) => pod.ready).length > view.seenReady) return [];
  return [{ kind: 'lower', replicas: target, released: gone.map(uidOf) }];
}

/**
 * The pods as their controller would keep them, best first: ready before not ready, then those that
 * are not draining; then the older.
 */
function best(pods: readonly PodView[]): readonly PodView[] {
  return pods.toSorted(
    (a, b) =>
      Number(b.ready) - Number(a.ready) ||
      Number(a.draining) - Number(b.draining) ||
      a.createdMs - b.createdMs ||
      (a.uid < b.uid ? -1 : 1),
  );
}

function uidOf(pod: PodView): string {
  return pod.uid;
}
