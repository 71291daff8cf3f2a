import { type FunctionObject, type FunctionSpec, names, type Pod } from '../../api/index.ts';

export interface FunctionShape {
  readonly name?: string;
  readonly namespace?: string;
  readonly spec?: Partial<FunctionSpec>;
  /** Empty for a function of which no revision was ever ready. */
  readonly revision?: string;
  /** Reason and message of Ready=False. */
  readonly trouble?: readonly [reason: string, message: string];
}

export function functionObject(shape: FunctionShape = {}): FunctionObject {
  const { name = 'diff', namespace = 'default', revision = 'r1', trouble } = shape;
  const condition =
    trouble === undefined
      ? { type: 'Ready', status: 'True' as const, reason: 'Ready', message: '' }
      : { type: 'Ready', status: 'False' as const, reason: trouble[0], message: trouble[1] };
  return {
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name, namespace, uid: `uid-${namespace}-${name}` },
    spec: { runtime: 'node', source: { inline: '' }, ...shape.spec },
    status: {
      conditions: [condition],
      replicas: 0,
      readyReplicas: 0,
      ...(revision === '' ? {} : { revision }),
    },
  };
}

export interface PodShape {
  readonly name: string;
  readonly uid?: string;
  readonly host: string;
  readonly port: number;
  readonly function?: string;
  readonly revision?: string;
  readonly ready?: boolean;
  readonly terminating?: boolean;
  readonly draining?: boolean;
  readonly restarts?: number;
  readonly created?: string;
}

export function podObject(shape: PodShape): Pod {
  const { name, host, port, ready = true, created = '2026-01-01T00:00:00Z' } = shape;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: shape.uid ?? `uid-${name}`,
      creationTimestamp: created,
      labels: {
        [names.label.function]: shape.function ?? 'diff',
        [names.label.revision]: shape.revision ?? 'r1',
      },
      annotations: shape.draining === true ? { [names.annotation.draining]: created } : {},
      ...(shape.terminating === true ? { deletionTimestamp: created } : {}),
    },
    spec: { containers: [{ name: 'function', ports: [{ containerPort: port }] }] },
    status: {
      phase: 'Running',
      ...(host === '' ? {} : { podIP: host }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [
        {
          name: 'function',
          ready,
          restartCount: shape.restarts ?? 0,
          image: '',
          imageID: '',
        },
      ],
    },
  };
}
