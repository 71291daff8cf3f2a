import { sameJson, type ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';

/** Built-in kinds whose strategies keep a generation; for others the field is not set. */
const tracking = new Set([
  '/pods',
  '/replicationcontrollers',
  'apiextensions.k8s.io/customresourcedefinitions',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'batch/cronjobs',
  'batch/jobs',
  'discovery.k8s.io/endpointslices',
  'networking.k8s.io/ingresses',
  'networking.k8s.io/networkpolicies',
  'policy/poddisruptionbudgets',
]);

export function tracksGeneration({ descriptor }: Resource): boolean {
  const { origin, group, plural } = descriptor;
  return origin === 'custom' || tracking.has(`${group}/${plural}`);
}

/**
 * True when an update changes what the object is to be: the spec of a built-in kind, anything but
 * metadata and status of a custom one.
 */
export function changesDesired(resource: Resource, object: ApiObject, old: ApiObject): boolean {
  if (resource.descriptor.origin === 'builtin') return !sameJson(object['spec'], old['spec']);
  return !sameJson(desiredPart(object), desiredPart(old));
}

function desiredPart(object: ApiObject): Readonly<Record<string, unknown>> {
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    ...rest
  } = object;
  return rest;
}
