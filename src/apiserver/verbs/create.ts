import type { KubeObject, Pod } from '../../api/index.ts';
import { boundPod } from '../admission/bound-pod.ts';
import type { ApiObject } from '../api-object.ts';
import { itemOf, objectAnswer, presentationOf, type Item } from '../codec/present.ts';
import type { Call } from '../engine.ts';
import { alreadyExists, methodNotAllowed } from '../refusals.ts';
import type { Answer } from '../request.ts';
import { readIncoming } from './incoming.ts';
import { prepareCreate } from './prepare-create.ts';
import { parseWriteOptions } from './write-options.ts';

/** Names that are tried when a generated one is taken. */
const maxNameAttempts = 8;

/** POST to a collection. */
export async function createFromRequest(call: Call): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const { object, warnings } = readIncoming(call, options.fieldValidation);
  const item = await createObject(call, object, options.dryRun);
  return objectAnswer(presentation, resource, { item, status: 201, warnings });
}

/** Stores a new object. Throws StatusError 403, 404, 409, 422. */
export async function createObject(
  call: Call,
  incoming: ApiObject,
  dryRun: boolean,
): Promise<Item> {
  const { resource } = call;
  if (resource.terminating) {
    throw methodNotAllowed('create while the custom resource definition is terminating: it');
  }
  const generated = incoming.metadata.name === '';
  for (let attempt = 1; ; attempt += 1) {
    const object = prepareCreate(call, incoming);
    const result = dryRun ? await tryDryRun(call, object) : await tryCreatePlaced(call, object);
    if (result.kind === 'created') return result.item;
    if (generated && attempt < maxNameAttempts) continue;
    throw alreadyExists(resource.descriptor, object.metadata.name, result.deleting);
  }
}

type Attempt =
  | { readonly kind: 'created'; readonly item: Item }
  | { readonly kind: 'taken'; readonly deleting: boolean };

/** Creates a pod on the node where it is going to be, if that is known already. */
async function tryCreatePlaced(call: Call, object: ApiObject): Promise<Attempt> {
  const { engine, resource } = call;
  const { group, plural } = resource.descriptor;
  const { placement } = engine;
  if (placement === undefined || group !== '' || plural !== 'pods') return tryCreate(call, object);
  const node = placement.place(object as KubeObject as Pod);
  if (node === undefined) return tryCreate(call, object);
  let created = false;
  try {
    const result = await tryCreate(call, boundPod(object, node, engine.clock.now()));
    created = result.kind === 'created';
    return result;
  } finally {
    if (!created) placement.dropped(object.metadata.uid ?? '');
  }
}

async function tryCreate(call: Call, object: ApiObject): Promise<Attempt> {
  const { engine, resource } = call;
  const { namespace, name } = object.metadata;
  for (;;) {
    const guard =
      namespace === undefined
        ? undefined
        : await engine.namespaces.admit(namespace, resource.descriptor, name);
    const result = await engine.objects.create(resource, { object, guard });
    switch (result.kind) {
      case 'written':
        engine.customResources.written(result.stored);
        return { kind: 'created', item: result.stored };
      case 'conflict':
        return taken(result.current?.object);
      case 'guard-failed':
        engine.namespaces.learn(namespace ?? '', result.current);
    }
  }
}

async function tryDryRun(call: Call, object: ApiObject): Promise<Attempt> {
  const { engine, resource } = call;
  const { namespace, name } = object.metadata;
  if (namespace !== undefined) {
    await engine.namespaces.admit(namespace, resource.descriptor, name);
  }
  const existing = await engine.objects.get(resource, namespace, name);
  return existing === undefined
    ? { kind: 'created', item: itemOf(object) }
    : taken(existing.object);
}

function taken(existing: ApiObject | undefined): Attempt {
  return { kind: 'taken', deleting: existing?.metadata.deletionTimestamp !== undefined };
}
