import type { ObjectMeta, StatusCause } from '../../api/index.ts';
import { admitUpdate } from '../admission/admit-update.ts';
import { sameJson, without, type ApiObject } from '../api-object.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest, conflict, invalid, modifiedMessage } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import { changesDesired, tracksGeneration } from './generation.ts';
import { defaultObject, validate } from './prepare-create.ts';

/** Which part of an object an update may change. */
export type UpdatePart = 'main' | 'status';

/**
 * Makes what a client wants of an object one that can be stored in place of the old one: nothing that
 * the server owns changes, nor what belongs to the other part. Returns the old object itself when
 * nothing is changed. Throws StatusError 422 for what is not valid.
 */
export function prepareUpdate(
  call: Pick<NamedCall, 'engine' | 'resource'>,
  wanted: ApiObject,
  old: ApiObject,
  part: UpdatePart,
): ApiObject {
  const { engine, resource } = call;
  const { descriptor } = resource;
  const isolated = isolate(resource, wanted, old, part);
  const defaulted = defaultObject(resource, isolated);
  const prepared = descriptor.hooks.prepareForUpdate?.(defaulted, old) ?? defaulted;
  const next = part === 'main' ? admitUpdate(engine, resource, { ...prepared }, old) : prepared;
  const complete: ApiObject = {
    ...next,
    metadata: keepServerMetadata(next.metadata, old.metadata),
  };
  if (sameJson(complete, old)) return old;
  const result = withGeneration(resource, complete, old);
  const causes = finalizerCauses(result.metadata, old.metadata);
  if (causes.length > 0) throw invalid(descriptor, old.metadata.name, causes);
  validate(resource, result, old);
  return result;
}

/** The parts of the wanted object that the endpoint may change, on top of the old one. */
function isolate(
  { descriptor }: Resource,
  wanted: ApiObject,
  old: ApiObject,
  part: UpdatePart,
): ApiObject {
  const status = part === 'status' ? wanted['status'] : old['status'];
  const base = part === 'status' ? old : wanted;
  if (!descriptor.status) return wanted;
  return status === undefined ? without(base, 'status') : { ...base, status };
}

/** Wanted metadata, with what only the server sets as it was. */
function keepServerMetadata(wanted: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const { labels, annotations, ownerReferences, finalizers } = wanted;
  const {
    labels: _labels,
    annotations: _annotations,
    ownerReferences: _owners,
    finalizers: _finalizers,
    ...kept
  } = old;
  return {
    ...kept,
    ...(isEmpty(labels) ? {} : { labels }),
    ...(isEmpty(annotations) ? {} : { annotations }),
    ...(isEmpty(ownerReferences) ? {} : { ownerReferences }),
    ...(isEmpty(finalizers) ? {} : { finalizers }),
  };
}

function isEmpty(value: object | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}

function withGeneration(resource: Resource, object: ApiObject, old: ApiObject): ApiObject {
  if (!tracksGeneration(resource) || !changesDesired(resource, object, old)) return object;
  const generation = (old.metadata.generation ?? 0) + 1;
  return { ...object, metadata: { ...object.metadata, generation } };
}

function finalizerCauses(meta: ObjectMeta, old: ObjectMeta): readonly StatusCause[] {
  if (old.deletionTimestamp === undefined) return [];
  const added = (meta.finalizers ?? []).filter((one) => !(old.finalizers ?? []).includes(one));
  if (added.length === 0) return [];
  const list = added.map((one) => JSON.stringify(one)).join(', ');
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [{ reason: 'FieldValueForbidden', message, field: 'metadata.finalizers' }];
}

/** What a whole new object (PUT) says of the identity and version of the one it replaces. */
export function checkIdentity(call: NamedCall, { metadata }: ApiObject): void {
  const { resource, namespace, name } = call;
  if (metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (metadata.namespace === undefined || metadata.namespace === namespace) return;
  throw badRequest(
    resource.descriptor.namespaced
      ? `the namespace of the object (${metadata.namespace}) does not match the namespace on the URL (${namespace ?? ''})`
      : 'namespace is not allowed on this type',
  );
}

/** Throws StatusError 409 when a resourceVersion or uid was given that is not the current one. */
export function checkVersion(resource: Resource, wanted: ObjectMeta, current: ApiObject): void {
  const { name, resourceVersion, uid } = current.metadata;
  const { descriptor } = resource;
  if (wanted.uid !== undefined && uid !== undefined && wanted.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`;
    throw conflict(descriptor, name, why);
  }
  const version = wanted.resourceVersion;
  if (version === undefined || version === '0') {
    return;
  }
  if (!/^\d+$/.test(version)) {
    const message = `Invalid value: ${JSON.stringify(version)}: must be a resource version`;
    throw invalid(descriptor, name, [
      { reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' },
    ]);
  }
  if (version !== resourceVersion) throw conflict(descriptor, name, modifiedMessage);
}

/** Kinds that do not take a PUT without a resourceVersion. Throws StatusError 422. */
export function requireVersion({ descriptor }: Resource, { metadata }: ApiObject): void {
  const { name, resourceVersion = '0' } = metadata;
  if (descriptor.unconditionalUpdate || resourceVersion !== '0') return;
  const message = 'Invalid value: 0: must be specified for an update';
  throw invalid(descriptor, name, [
    { reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' },
  ]);
}
