import { isStatus, type Namespace } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import type { ControllerContext } from '../context.ts';
import type { Inventory } from '../inventory.ts';
import { deleteContent } from './delete-content.ts';
import { deletionConditions, sameConditions } from './conditions.ts';

export interface NamespaceControllerOptions extends ControllerContext {
  /** Run by whoever made it. */
  readonly inventory: Inventory;
}

const workers = 4;
const finalizer = 'kubernetes';
/** How often the conditions of a namespace say what remains, while something goes on. */
const refreshMs = 1000;
/** How soon to look again at content that no informer tells of. */
const unwatchedRetryMs = 1000;

/**
 * Empties and finalizes namespaces that are being deleted, until the signal aborts.
 *
 * Invariants:
 * 1. A namespace is finalized only after every resource of the API server was listed in it and none
 *    had an object left.
 * 2. While content remains, the conditions of the namespace say of what kind and why.
 * 3. The end of the last known object of a resource leads to the next look at once.
 */
export async function runNamespaceController(
  options: NamespaceControllerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { inventory, clock } = options;
  const { namespaces } = options.informers;
  const log = options.log.child({ controller: 'namespace' });
  const queue = new WorkQueue({ clock, log, concurrency: workers }, (name, running) =>
    reconcile({ ...options, log }, name, running),
  );
  const look = (namespace: Namespace): void => {
    if (isTerminating(namespace)) queue.add(namespace.metadata.name);
  };
  const removers = [
    namespaces.handle({ added: look, updated: look }),
    inventory.handle({
      changed: () => undefined,
      deleted: (resource, { metadata }) => {
        const namespace = namespaces.get({ name: metadata.namespace ?? '' });
        if (namespace === undefined || !isTerminating(namespace)) return;
        const { name } = namespace.metadata;
        if (inventory.countIn(name, resource) === 0) queue.add(name);
        else queue.addAfter(name, refreshMs);
      },
    }),
  ];
  try {
    await queue.run(signal);
  } finally {
    for (const remove of removers) remove();
  }
}

function isTerminating({ metadata, spec }: Namespace): boolean {
  return metadata.deletionTimestamp !== undefined && spec?.finalizers?.includes(finalizer) === true;
}

async function reconcile(
  options: NamespaceControllerOptions,
  name: string,
  signal: AbortSignal,
): Promise<ReconcileResult | void> {
  const { client, inventory, clock, informers } = options;
  const namespace = informers.namespaces.get({ name });
  if (namespace === undefined || !isTerminating(namespace)) return;
  await inventory.synced(signal);
  const content = await deleteContent(client, inventory.resources(), name);
  const conditions = deletionConditions(namespace.status?.conditions ?? [], content, clock.now());
  const resource = client.resource(refs.namespaces);
  let current = namespace;
  try {
    if (
      namespace.status?.phase !== 'Terminating' ||
      !sameConditions(namespace.status.conditions ?? [], conditions)
    ) {
      const status = { ...namespace.status, phase: 'Terminating' as const, conditions };
      current = await resource.update({ ...namespace, status }, 'status');
    }
    if (content.failures.length > 0) {
      throw new Error(`Cannot delete all content of namespace "${name}"`, {
        cause: content.failures[0],
      });
    }
    if (content.remaining.size > 0) {
      return inventory.countIn(name) === 0 ? { requeueAfterMs: unwatchedRetryMs } : undefined;
    }
    const finalizers = current.spec?.finalizers?.filter((entry) => entry !== finalizer) ?? [];
    await resource.update({ ...current, spec: { ...current.spec, finalizers } }, 'finalize');
  } catch (error) {
    // The copy is behind: the change that it lacks brings the next reconcile.
    if (!isStatus(error, 'Conflict', 'NotFound')) throw error;
  }
}
