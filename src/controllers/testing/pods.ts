import type { Node, Pod, PodSpec, PodStatus } from '../../api/index.ts';

export interface PodTraits {
  readonly name?: string;
  readonly uid?: string;
  readonly node?: string;
  readonly phase?: PodStatus['phase'];
  /** Milliseconds since the epoch at which it became ready; not ready when left out. */
  readonly readyAt?: number;
  readonly createdAt?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly deleting?: boolean;
  readonly spec?: Partial<PodSpec>;
}

/** A pod with the traits that a test is about. */
export function podWith(traits: PodTraits): Pod {
  const { name = 'p', uid = name, node, phase = 'Running', readyAt, cost, restarts = 0 } = traits;
  const ready = readyAt !== undefined;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid,
      creationTimestamp: new Date(traits.createdAt ?? 0).toISOString(),
      labels: traits.labels ?? {},
      ...(cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(traits.deleting === true ? { deletionTimestamp: new Date(0).toISOString() } : {}),
    },
    spec: {
      containers: [{ name: 'c' }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...traits.spec,
    },
    status: {
      phase,
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          ...(ready ? { lastTransitionTime: new Date(readyAt).toISOString() } : {}),
        },
      ],
      containerStatuses: [{ name: 'c', ready, restartCount: restarts, image: '', imageID: '' }],
    },
  };
}

export interface NodeTraits {
  readonly name: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly ready?: 'True' | 'False' | 'Unknown';
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Node['spec'];
}

/** A ready node with room for much, except for the traits that a test is about. */
export function nodeWith(traits: NodeTraits): Node {
  const { name, cpu = '4', memory = '8Gi', pods = '110', ready = 'True' } = traits;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: traits.labels ?? {} },
    ...(traits.spec === undefined ? {} : { spec: traits.spec }),
    status: {
      allocatable: { cpu, memory, pods },
      conditions: [{ type: 'Ready', status: ready }],
    },
  };
}
