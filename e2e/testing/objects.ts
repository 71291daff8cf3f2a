import type { ConfigMap, Node, OwnerReference, Pod, ReplicaSet } from '../../src/api/index.ts';
import { type Client, refs } from '../../src/client/index.ts';

/** A ReplicaSet whose pods have the label `app` of its name. */
export function replicaSet(name: string, replicas: number, spec: object = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'none' }], terminationGracePeriodSeconds: 0 },
      },
      ...spec,
    },
  };
}

export function pod(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  spec: object = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'main', image: 'none' }], ...spec },
  };
}

export function configMap(
  name: string,
  owners: readonly OwnerReference[] = [],
  namespace = 'default',
): ConfigMap {
  const ownerReferences = owners.length === 0 ? {} : { ownerReferences: owners };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ...ownerReferences } };
}

/** A reference to an object that has been created. */
export function ownedBy(
  { apiVersion, kind, metadata }: Pod | ReplicaSet | ConfigMap,
  blockOwnerDeletion = true,
): OwnerReference {
  const { name, uid = '' } = metadata;
  return { apiVersion, kind, name, uid, blockOwnerDeletion };
}

/** Creates a node that is ready and has room for `pods` pods. */
export async function createReadyNode(client: Client, name: string, pods = 500): Promise<Node> {
  const node = await client.resource(refs.nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
  });
  const allocatable = { cpu: '4', memory: '8Gi', pods: String(pods) };
  const conditions = [{ type: 'Ready', status: 'True' as const, reason: 'KubeletReady' }];
  return await client
    .resource(refs.nodes)
    .update({ ...node, status: { capacity: allocatable, allocatable, conditions } }, 'status');
}

/** Says in a pod's status that it runs and is ready, as its node's agent would. */
export async function becomeReady(client: Client, { metadata }: Pod): Promise<void> {
  const lastTransitionTime = new Date().toISOString();
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }];
  await client
    .resource(refs.pods)
    .patch(
      { namespace: metadata.namespace ?? '', name: metadata.name },
      { status: { phase: 'Running', conditions } },
      { type: 'strategic', subresource: 'status' },
    );
}
