import { claimTrustLeftMs, names, parseClaim, type Pod, type ReplicaSet } from '../../api/index.ts';
import { controllerOf } from '../context.ts';
import { isActive } from '../pod-state.ts';

/** What claims tell a ReplicaSet's controller beyond what it has seen. */
export interface Claimed {
  /** Pods that nobody owns yet and that are to be this ReplicaSet's: not to be made twice. */
  readonly coming: readonly Pod[];
  /** Pods that came before the raise that they are for was seen: no surplus. */
  readonly early: ReadonlySet<Pod>;
  /** Milliseconds for which this stands at most; 0 when there is nothing. */
  readonly forMs: number;
}

/**
 * Reads the claims on a ReplicaSet and on the pods that it owns (`nought.dev/claims`, `…/claim`).
 *
 * A pod of a warm pool becomes a ReplicaSet's by two writes at the same time, and the two copies may
 * bring them in either order. A claim is trusted for five seconds and no longer: whoever made it may
 * have ended in between, and a ReplicaSet must never be without its pods for that.
 */
export function claimedPods(
  rs: ReplicaSet,
  { owned, unowned }: { readonly owned: readonly Pod[]; readonly unowned: readonly Pod[] },
  nowMs: number,
): Claimed {
  const { generation = 0, annotations } = rs.metadata;
  const claims = parseClaim(annotations?.[names.annotation.claims]);
  const trustMs = claimTrustLeftMs(claims, nowMs);
  const coming =
    trustMs === 0
      ? []
      : unowned.filter(
          (pod) =>
            claims?.pods.includes(pod.metadata.uid ?? '') === true &&
            controllerOf(pod.metadata) === undefined &&
            isActive(pod),
        );
  let forMs = coming.length === 0 ? 0 : trustMs;
  const early = new Set<Pod>();
  for (const pod of owned) {
    const claim = parseClaim(pod.metadata.annotations?.[names.annotation.claim]);
    const leftMs = claimTrustLeftMs(claim, nowMs);
    if (leftMs === 0 || (claim?.generation ?? 0) <= generation) continue;
    early.add(pod);
    forMs = Math.max(forMs, leftMs);
  }
  return { coming, early, forMs };
}
