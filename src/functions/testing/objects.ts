import type {
  Condition,
  FunctionObject,
  FunctionSpec,
  Pod,
  PodStatus,
  ReplicaSet,
} from '../../api/index.ts';
import { names } from '../../api/index.ts';
import { annotations } from '../annotations.ts';

/** A Function named `f` of generation 1. */
export function functionObject(
  spec: Partial<FunctionSpec> = {},
  rest: Partial<FunctionObject> = {},
): FunctionObject {
  return {
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name: 'f', namespace: 'default', uid: 'fn', generation: 1 },
    spec: { runtime: 'node', source: { inline: 'export default 1' }, ...spec },
    ...rest,
  };
}

interface SetShape {
  readonly revision: string;
  readonly replicas?: number;
  /** Seconds since the epoch. */
  readonly requestedAt?: number;
  readonly failure?: string;
  readonly template?: string;
  readonly record?: string | undefined;
  readonly conditions?: readonly Condition[];
}

/** A ReplicaSet of the Function `f`. */
export function replicaSet(shape: SetShape): ReplicaSet {
  const {
    revision,
    replicas = 1,
    requestedAt = 0,
    failure,
    template = '',
    record,
    conditions = [],
  } = shape;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `f-${revision}`,
      namespace: 'default',
      uid: `set-${revision}`,
      generation: 1,
      labels: { [names.label.function]: 'f', [names.label.revision]: revision },
      annotations: {
        [annotations.requestedAt]: new Date(requestedAt * 1000).toISOString(),
        [annotations.template]: template,
        ...(record === undefined ? {} : { [annotations.revisionSpec]: record }),
        ...(failure === undefined ? {} : { [annotations.failure]: failure }),
      },
    },
    spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
    status: { replicas, observedGeneration: 1, conditions },
  };
}

export function pod(name: string, status: PodStatus = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: name },
    spec: { containers: [] },
    status: { phase: 'Running', ...status },
  };
}

/** A pod that has been ready since then; seconds since the epoch. */
export function readyPod(name: string, since = 0): Pod {
  const lastTransitionTime = new Date(since * 1000).toISOString();
  return pod(name, { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] });
}

/** A pod whose container ended with this message and waits to be started again. */
export function crashedPod(name: string, message: string, reason = 'Error'): Pod {
  const container = { name: 'function', ready: false, restartCount: 1, image: '', imageID: '' };
  return pod(name, {
    containerStatuses: [
      {
        ...container,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1, reason, message } },
      },
    ],
  });
}
