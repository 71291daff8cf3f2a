import { formatTime } from '../../api/index.ts';
import { isRecord, member, type ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import type { DeleteOptions, Propagation } from './delete-options.ts';
import { tracksGeneration } from './generation.ts';

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';
/** Kubernetes' default for a pod's terminationGracePeriodSeconds. */
const defaultGraceSeconds = 30;

/**
 * The object as a deletion leaves it: deletionTimestamp, grace period, the finalizer of the
 * propagation policy. The same object when a deletion is under way already and this one adds nothing
 * (k8s.io/apiserver registry/rest BeforeDelete, registry/generic deletionFinalizersForGarbageCollection).
 */
export function markDeleted(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
  now: number,
): ApiObject {
  const finalizers = finalizersFor(object.metadata.finalizers ?? [], options.propagation);
  const withFinalizers = setFinalizers(object, finalizers);
  const grace = graceSeconds(resource, object, options);
  if (object.metadata.deletionTimestamp !== undefined) return shorten(withFinalizers, grace);
  const { metadata } = withFinalizers;
  const generation = (metadata.generation ?? 0) + 1;
  return beginTermination(resource, {
    ...withFinalizers,
    metadata: {
      ...metadata,
      ...(tracksGeneration(resource) ? { generation } : {}),
      deletionTimestamp: formatTime(now + grace * 1000),
      deletionGracePeriodSeconds: grace,
    },
  });
}

/** A further deletion can only bring the end nearer. */
function shorten(object: ApiObject, grace: number): ApiObject {
  const { metadata } = object;
  const { deletionTimestamp = '', deletionGracePeriodSeconds = 0 } = metadata;
  if (grace >= deletionGracePeriodSeconds) return object;
  const end = Date.parse(deletionTimestamp) - (deletionGracePeriodSeconds - grace) * 1000;
  return {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp: formatTime(end),
      deletionGracePeriodSeconds: grace,
    },
  };
}

/** Only pods are deleted gracefully, and only those that a node has and that have not ended. */
function graceSeconds({ descriptor }: Resource, object: ApiObject, options: DeleteOptions): number {
  if (descriptor.group !== '' || descriptor.plural !== 'pods') return 0;
  const { spec, status } = object;
  const nodeName = member(spec, 'nodeName') ?? '';
  const phase = member(status, 'phase');
  if (nodeName === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = member(spec, 'terminationGracePeriodSeconds');
  const grace = options.gracePeriodSeconds ?? (typeof own === 'number' ? own : defaultGraceSeconds);
  return grace < 0 ? 1 : grace;
}

function finalizersFor(
  finalizers: readonly string[],
  propagation: Propagation | undefined,
): readonly string[] {
  if (propagation === undefined) return finalizers;
  const others = finalizers.filter((one) => one !== orphanFinalizer && one !== foregroundFinalizer);
  switch (propagation) {
    case 'Background':
      return others;
    case 'Foreground':
      return [...others, foregroundFinalizer];
    case 'Orphan':
      return [...others, orphanFinalizer];
  }
}

function setFinalizers(object: ApiObject, finalizers: readonly string[]): ApiObject {
  const old = object.metadata.finalizers ?? [];
  if (old.length === finalizers.length && old.every((one, index) => one === finalizers[index])) {
    return object;
  }
  const { finalizers: _old, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers },
  };
}

/** A namespace shows in its status that it is being deleted. */
function beginTermination({ descriptor }: Resource, object: ApiObject): ApiObject {
  if (descriptor.group !== '' || descriptor.plural !== 'namespaces') return object;
  const status = isRecord(object['status']) ? object['status'] : {};
  return { ...object, status: { ...status, phase: 'Terminating' } };
}
