import { isStatus, type KubeObject, StatusError } from '../../api/index.ts';
import type { Client } from '../../client/index.ts';
import type { Resource } from '../discover-resources.ts';

/** What is still in a namespace after all of it was told to go. */
export interface RemainingContent {
  /** `plural.group` → number of objects. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Finalizer → number of objects that have it. */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly failures: readonly Error[];
}

/**
 * Deletes all objects in a namespace and says what remains.
 *
 * Pods go first and the rest only once they are gone, so that no pod runs on without the policies
 * and secrets it was started with (Kubernetes' OrderedNamespaceDeletion).
 */
export async function deleteContent(
  client: Client,
  resources: readonly Resource[],
  namespace: string,
): Promise<RemainingContent> {
  const namespaced = resources.filter(({ ref }) => ref.namespaced);
  const pods = namespaced.filter(({ ref }) => ref.group === '' && ref.plural === 'pods');
  const first = await deleteAll(client, pods, namespace);
  if (first.remaining.size > 0 || first.failures.length > 0) return first;
  return await deleteAll(
    client,
    namespaced.filter((resource) => !pods.includes(resource)),
    namespace,
  );
}

async function deleteAll(
  client: Client,
  resources: readonly Resource[],
  namespace: string,
): Promise<RemainingContent> {
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: Error[] = [];
  await Promise.all(
    resources.map(async (resource) => {
      const { group, plural } = resource.ref;
      try {
        const left = await deleteOf(client, resource, namespace);
        if (left.length > 0)
          remaining.set(group === '' ? plural : `${plural}.${group}`, left.length);
        for (const name of left.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
          finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
        }
      } catch (error) {
        // A CRD that went away meanwhile took its objects along.
        if (!isStatus(error, 'NotFound')) failures.push(error as Error);
      }
    }),
  );
  return { remaining, finalizers, failures };
}

/** The objects of one resource that are left after all were deleted. */
async function deleteOf(
  client: Client,
  resource: Resource,
  namespace: string,
): Promise<readonly KubeObject[]> {
  const objects = client.resource(resource.ref);
  const { items } = await objects.list({ namespace });
  const doomed = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (doomed.length === 0) return items;
  const results = await Promise.allSettled(
    doomed.map(({ metadata }) =>
      objects.delete(
        { namespace, name: metadata.name },
        { propagationPolicy: 'Background', preconditions: { uid: metadata.uid ?? '' } },
      ),
    ),
  );
  for (const result of results) {
    const error: unknown = result.status === 'rejected' ? result.reason : undefined;
    const gone = error instanceof StatusError && (error.code === 404 || error.code === 409);
    if (error !== undefined && !gone) throw error as Error;
  }
  return (await objects.list({ namespace })).items;
}
