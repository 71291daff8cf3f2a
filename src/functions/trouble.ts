import type { ContainerStatus, Pod, ReplicaSet } from '../api/index.ts';
import { isReady } from './roles.ts';

/** What keeps a revision from working, in words that its author can act on. */
export interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** The first trouble of a ReplicaSet and its pods, the most telling first; undefined when all may go well. */
export function troubleOf(set: ReplicaSet, pods: readonly Pod[]): Trouble | undefined {
  const waiting = pods.filter((pod) => !isReady(pod));
  const troubles = waiting.flatMap((pod) => podTrouble(pod) ?? []);
  return (
    troubles.find((trouble) => trouble.reason === 'LoadFailed') ??
    troubles[0] ??
    (pods.some(isReady) ? undefined : creationTrouble(set))
  );
}

function creationTrouble(set: ReplicaSet): Trouble | undefined {
  const failure = set.status?.conditions?.find(
    (condition) => condition.type === 'ReplicaFailure' && condition.status === 'True',
  );
  if (failure === undefined) return undefined;
  const message = failure.message ?? '';
  if (/exceeded quota/i.test(message)) return { reason: 'QuotaExceeded', message };
  return { reason: conditionReason(failure.reason, 'FailedCreate'), message };
}

function podTrouble(pod: Pod): Trouble | undefined {
  const { status } = pod;
  for (const container of status?.containerStatuses ?? []) {
    const trouble = containerTrouble(container);
    if (trouble !== undefined) return trouble;
  }
  if (status?.phase === 'Failed') {
    return {
      reason: conditionReason(status.reason, 'PodFailed'),
      message: status.message ?? `Pod "${pod.metadata.name}" failed`,
    };
  }
  const refused = status?.conditions?.find(
    (condition) =>
      condition.type === 'PodScheduled' &&
      condition.status === 'False' &&
      condition.reason !== undefined,
  );
  if (refused === undefined) return undefined;
  return {
    reason: conditionReason(refused.reason, 'Unschedulable'),
    message: refused.message ?? `Pod "${pod.metadata.name}" cannot be placed on a node`,
  };
}

/** Waiting for these is how every pod starts. */
const ordinaryWaits = new Set(['ContainerCreating', 'PodInitializing']);

function containerTrouble(container: ContainerStatus): Trouble | undefined {
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  const loadError = parseLoadError(ended?.message);
  if (loadError !== undefined) return { reason: 'LoadFailed', message: loadError };
  const waiting = container.state?.waiting;
  const wait = waiting?.reason;
  if (ended?.reason === 'OOMKilled') {
    return {
      reason: 'OOMKilled',
      message: 'It was killed for using more memory than spec.resources.limits.memory allows',
    };
  }
  if (ended !== undefined && (wait === undefined || wait === 'CrashLoopBackOff')) {
    const by =
      ended.signal === undefined ? `exit code ${ended.exitCode}` : `signal ${ended.signal}`;
    const words = ended.message?.trim() ?? '';
    return {
      reason: wait ?? 'ContainerExited',
      message: `It ended with ${by} before it could serve${words === '' ? '' : `: ${words}`}`,
    };
  }
  if (wait === undefined || ordinaryWaits.has(wait)) return undefined;
  const message = waiting?.message ?? wait;
  if (wait === 'CreateContainerConfigError') return { reason: 'ConfigError', message };
  return { reason: conditionReason(wait, 'ContainerWaiting'), message };
}

/** The words of a function server's load error, as `file:line: message`. */
function parseLoadError(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes('"LoadError"')) return undefined;
  try {
    const value = JSON.parse(text.trim()) as Record<string, unknown> | null;
    if (value?.['kind'] !== 'LoadError') return undefined;
    const message = typeof value['message'] === 'string' ? value['message'] : 'unknown error';
    const file = typeof value['file'] === 'string' && value['file'] !== '' ? value['file'] : '';
    const line = typeof value['line'] === 'number' ? `:${value['line']}` : '';
    return file === '' ? message : `${file}${line}: ${message}`;
  } catch {
    return undefined;
  }
}

/** The form that metav1.Condition asks of a reason. */
function conditionReason(reason: string | undefined, fallback: string): string {
  return reason !== undefined && /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(reason)
    ? reason
    : fallback;
}
