/**
 * What is written on a pod that is taken out of a pool, and on the ReplicaSet that it is to be of.
 *
 * The ReplicaSet and the pod are written at the same time, and their controller may hear of either
 * first. What is written tells it that the other one is on its way; the time bounds how long it takes
 * that on trust.
 */
export interface Claim {
  /** The ReplicaSet's generation once it has been raised for the pod. */
  readonly generation: number;
  /** Uids of the pods, on a ReplicaSet. */
  readonly pods: readonly string[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** How long a claim stands for what has not been seen. */
export const claimTrustMs = 5000;

export function formatClaim({ generation, pods, atMs }: Claim): string {
  return JSON.stringify({ generation, pods, at: new Date(atMs).toISOString() });
}

/** Undefined for none, and for what is no claim. */
export function parseClaim(text: string | undefined): Claim | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<'generation' | 'pods' | 'at', unknown>> | null;
    const { generation, pods, at } = value ?? {};
    const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    const isList = Array.isArray(pods) && pods.every((pod) => typeof pod === 'string');
    return typeof generation === 'number' && isList && !Number.isNaN(atMs)
      ? { generation, pods, atMs }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds for which the claim still stands, 0 when it does not. */
export function claimTrustLeftMs(claim: Claim | undefined, nowMs: number): number {
  if (claim === undefined) return 0;
  const age = nowMs - claim.atMs;
  // A clock that was set back must not make a claim stand for long.
  return Math.abs(age) >= claimTrustMs ? 0 : claimTrustMs - Math.max(0, age);
}
