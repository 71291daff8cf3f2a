import { type Condition, formatTime, type Pod, type ReplicaSet } from '../../api/index.ts';
import { availableInMs, isActive, isReady } from '../pod-state.ts';

type Status = NonNullable<ReplicaSet['status']>;

/** A burst of creations or deletions that could not be done in full. */
export interface ManageFailure {
  readonly kind: 'failed';
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

export interface Observation {
  /** All pods of the ReplicaSet, terminating ones too. */
  readonly pods: readonly Pod[];
  /** What became of creating and deleting; `skipped` when it was not tried. */
  readonly outcome: { readonly kind: 'done' | 'skipped' } | ManageFailure;
  readonly now: number;
}

/** The status that a ReplicaSet should have; the same object when nothing has changed. */
export function nextStatus(rs: ReplicaSet, observation: Observation): Status {
  const { pods, now } = observation;
  const active = pods.filter(isActive);
  const templateLabels = Object.entries(rs.spec.template.metadata?.labels ?? {});
  const minReadySeconds = rs.spec.minReadySeconds ?? 0;
  const next: Status = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) =>
      templateLabels.every(([name, value]) => metadata.labels?.[name] === value),
    ).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => availableInMs(pod, minReadySeconds, now) === 0)
      .length,
    terminatingReplicas: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined).length,
    ...(rs.metadata.generation === undefined ? {} : { observedGeneration: rs.metadata.generation }),
    ...nextConditions(rs, observation),
  };
  return rs.status !== undefined && sameStatus(rs.status, next) ? rs.status : next;
}

/** Milliseconds until the next of these pods becomes available; undefined when none will by itself. */
export function nextAvailableMs(
  rs: ReplicaSet,
  pods: readonly Pod[],
  now: number,
): number | undefined {
  const minReadySeconds = rs.spec.minReadySeconds ?? 0;
  const waits = pods
    .filter(isActive)
    .map((pod) => availableInMs(pod, minReadySeconds, now) ?? 0)
    .filter((ms) => ms > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function nextConditions(
  rs: ReplicaSet,
  { outcome, now }: Observation,
): { readonly conditions?: readonly Condition[] } {
  const current = rs.status?.conditions ?? [];
  const others = current.filter(({ type }) => type !== 'ReplicaFailure');
  const failedBefore = others.length < current.length;
  // As upstream: the first failure stands until the ReplicaSet has succeeded.
  if (outcome.kind === 'skipped' || (outcome.kind === 'failed' && failedBefore)) {
    return current.length === 0 ? {} : { conditions: current };
  }
  if (outcome.kind !== 'failed') return others.length === 0 ? {} : { conditions: others };
  const { reason, message } = outcome;
  const lastTransitionTime = formatTime(now);
  const failure: Condition = {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime,
    reason,
    message,
  };
  return { conditions: [...others, failure] };
}

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
] as const;

function sameStatus(current: Status, next: Status): boolean {
  // A count of 0 may have been left out by the server.
  return (
    counts.every((field) => (current[field] ?? 0) === (next[field] ?? 0)) &&
    (current.conditions ?? []).length === (next.conditions ?? []).length
  );
}
