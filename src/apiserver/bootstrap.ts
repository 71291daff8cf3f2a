import { isStatus, names } from '../api/index.ts';
import type { Engine } from './engine.ts';
import { ownRequest } from './own-request.ts';
import { createObject } from './verbs/create.ts';

/** Namespaces that are always there. */
const systemNamespaces = [
  'default',
  'kube-node-lease',
  'kube-public',
  'kube-system',
  names.systemNamespace,
];

/** Creates what every cluster has and does not have yet. */
export async function createSystemNamespaces(engine: Engine, signal: AbortSignal): Promise<void> {
  const resource = engine.registry.find('', 'v1', 'namespaces');
  if (resource === undefined) return;
  const request = ownRequest(signal);
  const call = { engine, request, resource, namespace: undefined };
  for (const name of systemNamespaces) {
    if ((await engine.objects.get(resource, undefined, name)) !== undefined) continue;
    try {
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      await createObject(call, object, false);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
  }
}
