import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import { names } from '../api/index.ts';
import { annotations } from './annotations.ts';

/** Why a revision was given up, and at which generation of the Function. */
export interface RevisionFailure {
  readonly generation: number;
  readonly reason: string;
  readonly message: string;
}

/** The ReplicaSets of a Function by what they are there for. */
export interface Roles {
  /** Takes the traffic. */
  readonly active: ReplicaSet | undefined;
  /** Is what the spec asks for, and has to prove that it works. */
  readonly candidate: ReplicaSet | undefined;
  /** All others. */
  readonly retired: readonly ReplicaSet[];
}

/** `wanted` is the revision that the spec asks for; undefined when the spec makes no sense. */
export function rolesOf(
  fn: FunctionObject,
  wanted: string | undefined,
  sets: readonly ReplicaSet[],
): Roles {
  const serving = fn.status?.revision;
  const active = sets.find((set) => serving !== undefined && revisionOf(set) === serving);
  const candidate = sets.find((set) => set !== active && revisionOf(set) === wanted);
  return {
    active,
    candidate,
    retired: sets.filter((set) => set !== active && set !== candidate),
  };
}

export function revisionOf(object: ReplicaSet | Pod): string {
  return object.metadata.labels?.[names.label.revision] ?? '';
}

export function functionOf(object: { readonly metadata: ReplicaSet['metadata'] }): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.labels?.[names.label.function] ?? ''}`;
}

/** True for a pod that can still run: neither ended nor being deleted. */
export function isLive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return (
    pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed'
  );
}

/** A pod out of a pool was ready before it had the function's code: that counts once it is known to have it. */
export function isReady(pod: Pod): boolean {
  if (pod.metadata.annotations?.[names.annotation.loading] !== undefined) return false;
  return pod.status?.conditions?.some((it) => it.type === 'Ready' && it.status === 'True') === true;
}

export function isOwnedBy(object: { readonly metadata: Pod['metadata'] }, uid: string): boolean {
  return (
    object.metadata.ownerReferences?.some((it) => it.controller === true && it.uid === uid) === true
  );
}

/** The failure for which a revision is kept at zero; a change of the spec gives it another chance. */
export function standingFailure(
  fn: FunctionObject,
  set: ReplicaSet | undefined,
): RevisionFailure | undefined {
  const failure = parseFailure(set?.metadata.annotations?.[annotations.failure]);
  return failure !== undefined && failure.generation >= (fn.metadata.generation ?? 0)
    ? failure
    : undefined;
}

function parseFailure(text: string | undefined): RevisionFailure | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<keyof RevisionFailure, unknown>> | null;
    const { generation, reason, message } = value ?? {};
    return typeof generation === 'number' &&
      typeof reason === 'string' &&
      typeof message === 'string'
      ? { generation, reason, message }
      : undefined;
  } catch {
    return undefined;
  }
}
