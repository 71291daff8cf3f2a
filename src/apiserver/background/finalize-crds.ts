import { isStatus } from '../../api/index.ts';
import { BackOff } from '../../lib/back-off.ts';
import { aborted } from '../../lib/wait.ts';
import { WorkQueue } from '../../lib/work-queue.ts';
import { member, type ApiObject } from '../api-object.ts';
import type { Call, Engine } from '../engine.ts';
import { cleanupFinalizer, crdGroup, crdPlural, crdPrefix } from '../registry/custom-resources.ts';
import { resourcePrefix, type Resource } from '../registry/resource.ts';
import { ownRequest } from '../own-request.ts';
import { follow } from '../storage/follow.ts';
import { listObjects } from '../storage/list-objects.ts';
import { changeObject } from '../verbs/change-object.ts';
import { plainDelete } from '../verbs/delete-options.ts';
import { deleteSelected } from '../verbs/delete-collection.ts';

/**
 * Finishes the deletion of CustomResourceDefinitions: deletes their objects, waits until the last one
 * is gone, then takes away the finalizer that has kept the definition.
 */
export async function finalizeCrds(engine: Engine, signal: AbortSignal): Promise<void> {
  const crds = engine.registry.find(crdGroup, 'v1', crdPlural);
  if (crds === undefined) return;
  const { clock, log } = engine;
  const queue = new WorkQueue({ clock, log, concurrency: 4 }, (name, stop) =>
    finalize(engine, crds, name, stop),
  );
  const running = queue.run(signal);
  const backOff = new BackOff();
  while (!signal.aborted) {
    try {
      await enqueueWaiting(engine, crds, queue, signal);
      backOff.reset();
    } catch (error) {
      if (signal.aborted) break;
      log.warn('The watch for deleted CRDs failed and starts again', { error: String(error) });
      await aborted(AbortSignal.any([signal, AbortSignal.timeout(backOff.next())]));
    }
  }
  await running;
}

/** Queues the CRDs that wait for their end, until the watch for them ends. */
async function enqueueWaiting(
  { store, hub }: Engine,
  crds: Resource,
  queue: WorkQueue,
  signal: AbortSignal,
): Promise<void> {
  const list = await listObjects(store, {
    resource: crds,
    prefix: crdPrefix,
    start: crdPrefix,
    revision: undefined,
    limit: undefined,
    matches: isWaiting,
  });
  for (const { object } of list.items) queue.add(object.metadata.name);
  const request = { prefix: crdPrefix, after: list.revision, signal };
  for await (const item of follow(hub, store, request)) {
    if (item.kind !== 'event') continue;
    const { current } = item.event.as(crds);
    if (current !== undefined && isWaiting(current.object)) queue.add(current.object.metadata.name);
  }
}

function isWaiting({ metadata }: ApiObject): boolean {
  const { deletionTimestamp, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && finalizers.includes(cleanupFinalizer);
}

async function finalize(
  engine: Engine,
  crds: Resource,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const stored = await engine.objects.get(crds, undefined, name);
  if (stored === undefined || !isWaiting(stored.object)) return;
  const request = ownRequest(signal);
  const resource = servedResource(engine, stored.object);
  if (resource !== undefined)
    await deleteInstances(engine, { engine, request, resource, namespace: undefined });
  try {
    await changeObject(
      { engine, request, resource: crds, namespace: undefined, name },
      { dryRun: false, apply: withoutCleanup },
    );
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

/** Any version of the kind will do: all have the same objects. */
function servedResource(engine: Engine, crd: ApiObject): Resource | undefined {
  const names = member(crd['spec'], 'names');
  const prefix = resourcePrefix(
    String(member(crd['spec'], 'group')),
    String(member(names, 'plural')),
  );
  return [...engine.registry.resources()].find((resource) => resource.prefix === prefix);
}

async function deleteInstances(engine: Engine, call: Call): Promise<void> {
  const { resource, request } = call;
  const everything = {
    all: true,
    matches: () => true,
    name: undefined,
    namespace: undefined,
  };
  const { revision } = await deleteSelected(call, everything, plainDelete);
  const { prefix } = resource;
  if (await isEmpty(engine, resource)) return;
  const changes = follow(engine.hub, engine.store, {
    prefix,
    after: revision,
    signal: request.signal,
  });
  for await (const item of changes) {
    if (item.kind !== 'event' || item.event.as(resource).current !== undefined) continue;
    if (await isEmpty(engine, resource)) return;
  }
  throw new Error(`Cannot finalize ${prefix}: the watch for its last object ended`);
}

async function isEmpty({ store }: Engine, resource: Resource): Promise<boolean> {
  const { items } = await listObjects(store, {
    resource,
    prefix: resource.prefix,
    start: resource.prefix,
    revision: undefined,
    limit: 1,
    matches: undefined,
  });
  return items.length === 0;
}

function withoutCleanup(crd: ApiObject): ApiObject {
  const { finalizers = [], ...metadata } = crd.metadata;
  const rest = finalizers.filter((one) => one !== cleanupFinalizer);
  if (rest.length === finalizers.length) return crd;
  return { ...crd, metadata: rest.length === 0 ? metadata : { ...metadata, finalizers: rest } };
}
