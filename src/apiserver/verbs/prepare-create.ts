import {
  applyDefaults,
  formatTime,
  StatusError,
  validateObject,
  type ObjectMeta,
} from '../../api/index.ts';
import { admitNew } from '../admission/admit-new.ts';
import { isRecord, without, type ApiObject } from '../api-object.ts';
import type { Call } from '../engine.ts';
import { badRequest, invalid } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';

import { tracksGeneration } from './generation.ts';

/** Length of a name that is made from generateName, and of its random end. */
const maxBaseLength = 58;
const suffixLength = 5;

/**
 * Makes an incoming object one that can be stored: the server's own metadata, defaults, the rules
 * of its kind. Throws StatusError 422 for what is not valid.
 */
export function prepareCreate(call: Call, incoming: ApiObject): ApiObject {
  const { engine, resource } = call;
  const { descriptor } = resource;
  if (incoming.metadata.resourceVersion !== undefined) {
    const message = 'resourceVersion should not be set on objects to be created';
    throw new StatusError(500, 'InternalError', message);
  }
  const metadata = newMetadata(call, incoming.metadata);
  const bare = descriptor.status ? without(incoming, 'status') : incoming;
  const defaulted = defaultObject(resource, { ...bare, metadata });
  const prepared = descriptor.hooks.prepareForCreate?.(defaulted) ?? defaulted;
  const admitted = admitNew(engine, resource, { ...prepared });
  validate(resource, admitted, undefined);
  return admitted;
}

/** The object with its schema's defaults. */
export function defaultObject(resource: Resource, object: ApiObject): ApiObject {
  const defaulted = applyDefaults(resource.descriptor.schema, object);
  const { apiVersion, kind, metadata } = object;
  return isRecord(defaulted) ? { ...defaulted, apiVersion, kind, metadata } : object;
}

/** Throws StatusError 422 with everything that is wrong with an object. */
export function validate(
  { descriptor }: Resource,
  object: ApiObject,
  old: ApiObject | undefined,
): void {
  const causes = validateObject(descriptor, object, old);
  if (causes.length === 0) return;
  const { name, generateName = '' } = object.metadata;
  throw invalid(descriptor, name === '' ? generateName : name, causes);
}

function newMetadata(call: Call, given: ObjectMeta): ObjectMeta {
  const { engine, resource } = call;
  const { labels, annotations, ownerReferences, finalizers, generateName } = given;
  const namespace = namespaceOf(call, given);
  return {
    name: given.name === '' ? freshName(call, generateName ?? '') : given.name,
    ...(generateName === undefined ? {} : { generateName }),
    ...(namespace === undefined ? {} : { namespace }),
    uid: engine.ids.uid(),
    ...(tracksGeneration(resource) ? { generation: 1 } : {}),
    creationTimestamp: formatTime(engine.clock.now()),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
    ...(finalizers === undefined ? {} : { finalizers }),
  };
}

/** A fresh name; empty, for validation to name, when there is nothing to make it from. */
function freshName({ engine }: Call, base: string): string {
  return base === '' ? '' : base.slice(0, maxBaseLength) + engine.ids.suffix(suffixLength);
}

/** The path's namespace, which the object must not contradict. Throws StatusError 400. */
function namespaceOf({ resource, namespace }: Call, given: ObjectMeta): string | undefined {
  if (!resource.descriptor.namespaced) {
    if (given.namespace === undefined) return undefined;
    throw badRequest('namespace is not allowed on this type');
  }
  if (namespace === undefined)
    throw badRequest('an empty namespace may not be set during creation');
  if (given.namespace !== undefined && given.namespace !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  return namespace;
}
