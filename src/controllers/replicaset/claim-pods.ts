import { isStatus, type Pod, type ReplicaSet, selectorFromObject } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { controllerOf, type ControllerContext, orphans, podIndex } from '../context.ts';
import { isFinished } from '../pod-state.ts';

/**
 * The pods that belong to a ReplicaSet, after those that match its selector and have no controller
 * were adopted, and those of its own that match no longer were released (upstream's
 * PodControllerRefManager).
 *
 * Adoption asks the API server itself, once, whether the ReplicaSet is still there and not being
 * deleted: on the word of a copy that lags, a pod would be given to an owner that is gone.
 */
export async function claimPods(
  context: ControllerContext,
  rs: ReplicaSet,
): Promise<readonly Pod[]> {
  const { pods } = context.informers;
  const selector = selectorFromObject(rs.spec.selector);
  const claimed: Pod[] = [];
  for (const pod of pods.byIndex(podIndex.controller, rs.metadata.uid ?? '')) {
    if (selector.matches(pod.metadata.labels)) claimed.push(pod);
    else if (rs.metadata.deletionTimestamp === undefined) await release(context, rs, pod);
  }
  if (rs.metadata.deletionTimestamp !== undefined) return claimed;
  const candidates = pods
    .byIndex(podIndex.controller, orphans(rs.metadata.namespace))
    .filter((pod) => canBeAdopted(pod) && selector.matches(pod.metadata.labels));
  if (candidates.length === 0) return claimed;
  await assertMayAdopt(context, rs);
  const adopted = await Promise.all(candidates.map((pod) => adopt(context, rs, pod)));
  return [...claimed, ...adopted.filter((pod) => pod !== undefined)];
}

/** Upstream filters inactive pods before claiming; terminating ones are never adopted. */
function canBeAdopted(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

async function assertMayAdopt(context: ControllerContext, rs: ReplicaSet): Promise<void> {
  const live = await context.client.resource(refs.replicasets).find(key(rs));
  if (live?.metadata.uid !== rs.metadata.uid) {
    throw new Error(`Cannot adopt pods for ReplicaSet "${rs.metadata.name}": it is gone`);
  }
  if (live?.metadata.deletionTimestamp !== undefined) {
    throw new Error(`Cannot adopt pods for ReplicaSet "${rs.metadata.name}": it is being deleted`);
  }
}

/** Undefined for a pod that is gone or has been adopted by another. */
async function adopt(
  context: ControllerContext,
  rs: ReplicaSet,
  pod: Pod,
): Promise<Pod | undefined> {
  const patch = { metadata: { ownerReferences: [controllerRef(rs)], uid: pod.metadata.uid } };
  try {
    const adopted = await context.client
      .resource(refs.pods)
      .patch(key(pod), patch, { type: 'strategic' });
    return controllerOf(adopted.metadata)?.uid === rs.metadata.uid ? adopted : undefined;
  } catch (error) {
    // The uid differs (409), it already has a controller (422), or it is gone (404).
    if (isStatus(error, 'NotFound', 'Invalid', 'Conflict')) return undefined;
    throw error;
  }
}

async function release(context: ControllerContext, rs: ReplicaSet, pod: Pod): Promise<void> {
  const ownerReferences = [{ $patch: 'delete', uid: rs.metadata.uid }];
  const patch = { metadata: { ownerReferences, uid: pod.metadata.uid } };
  try {
    await context.client.resource(refs.pods).patch(key(pod), patch, { type: 'strategic' });
  } catch (error) {
    if (!isStatus(error, 'NotFound', 'Invalid', 'Conflict')) throw error;
  }
}

/** The owner reference that makes a pod the ReplicaSet's. */
export function controllerRef(rs: ReplicaSet) {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: rs.metadata.name,
    uid: rs.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

function key({ metadata }: Pod | ReplicaSet): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
