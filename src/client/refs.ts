import type {
  ConfigMap,
  Event,
  FunctionObject,
  HorizontalPodAutoscaler,
  InvocationObject,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  ServiceAccount,
} from '../api/index.ts';
import type { ResourceRef } from './client.ts';

function ref<T extends KubeObject>(
  groupVersion: string,
  plural: string,
  kind: string,
  namespaced = true,
): ResourceRef<T> {
  const [group, version] = groupVersion.includes('/')
    ? groupVersion.split('/')
    : ['', groupVersion];
  return { group: group as string, version: version as string, plural, kind, namespaced };
}

/** The resources that our components work with. */
export const refs = {
  pods: ref<Pod>('v1', 'pods', 'Pod'),
  replicasets: ref<ReplicaSet>('apps/v1', 'replicasets', 'ReplicaSet'),
  configmaps: ref<ConfigMap>('v1', 'configmaps', 'ConfigMap'),
  secrets: ref<Secret>('v1', 'secrets', 'Secret'),
  serviceaccounts: ref<ServiceAccount>('v1', 'serviceaccounts', 'ServiceAccount'),
  namespaces: ref<Namespace>('v1', 'namespaces', 'Namespace', false),
  nodes: ref<Node>('v1', 'nodes', 'Node', false),
  events: ref<Event>('v1', 'events', 'Event'),
  leases: ref<Lease>('coordination.k8s.io/v1', 'leases', 'Lease'),
  horizontalpodautoscalers: ref<HorizontalPodAutoscaler>(
    'autoscaling/v2',
    'horizontalpodautoscalers',
    'HorizontalPodAutoscaler',
  ),
  functions: ref<FunctionObject>('nought.dev/v1', 'functions', 'Function'),
  invocations: ref<InvocationObject>('nought.dev/v1', 'invocations', 'Invocation'),
} as const;
