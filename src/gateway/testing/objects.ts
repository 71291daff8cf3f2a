import {
  type FunctionObject,
  type FunctionSpec,
  names,
  type Pod,
  type TrafficTarget,
} from '../../api/index.ts';

export interface FunctionShape {
  readonly name?: string;
  readonly namespace?: string;
  readonly spec?: Partial<FunctionSpec>;
  /** Empty for a function of which no revision was ever ready. */
  readonly revision?: string;
  /** Reason and message of Ready=False. */
  readonly trouble?: readonly [reason: string, message: string];
  /** The newest revision is in trouble, an older one serves. */
  readonly serving?: boolean;
  /** What is in force; `reason` is why a target cannot serve. */
  readonly traffic?: readonly (TrafficTarget & { readonly reason?: string })[];
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
      conditions: [
        condition,
        ...(shape.serving === undefined
          ? []
          : [{ type: 'Serving', status: shape.serving ? ('True' as const) : ('False' as const) }]),
      ],
      replicas: 0,
      readyReplicas: 0,
      ...(revision === '' ? {} : { revision }),
      ...(shape.traffic === undefined
        ? {}
        : {
            traffic: shape.traffic.map((target) => ({
              ...(target.latest === true ? { revision } : {}),
              weight: 0,
              replicas: 1,
              readyReplicas: 1,
              ...target,
            })),
          }),
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
  /** True, or the value of the annotation. */
  readonly draining?: boolean | string;
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
      annotations: drainingAnnotation(shape.draining, created),
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

function drainingAnnotation(
  draining: boolean | string | undefined,
  created: string,
): Record<string, string> {
  if (draining === undefined || draining === false) return {};
  return { [names.annotation.draining]: draining === true ? created : draining };
}
