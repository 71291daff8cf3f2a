import type { ObjectMeta, OwnerReference, StatusCause } from '../object.ts';
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  qualifiedNameErrors,
} from '../validation-names.ts';
import { fieldError } from './field-error.ts';
import { jsonEqual } from './json-equal.ts';

const annotationsLimitBytes = 256 * 1024;

export interface MetadataRules {
  readonly namespaced: boolean;
  /** What is wrong with a name; names of most kinds are DNS subdomains. */
  readonly nameErrors?: ((name: string) => readonly string[]) | undefined;
}

/** What is wrong with an object's metadata, as ValidateObjectMeta of k8s.io/apimachinery says it. */
export function validateMetadata(meta: ObjectMeta, rules: MetadataRules): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const nameErrors = rules.nameErrors ?? dns1123SubdomainErrors;
  if (meta.generateName !== undefined && meta.generateName !== '') {
    // The suffix that will follow may stand where a dash may not end a name.
    const probe = meta.generateName.replace(/-$/, 'a');
    for (const message of nameErrors(probe)) {
      causes.push(fieldError.invalid('metadata.generateName', meta.generateName, message));
    }
  }
  if (meta.name === undefined || meta.name === '') {
    causes.push(fieldError.required('metadata.name', 'name or generateName is required'));
  } else {
    for (const message of nameErrors(meta.name)) {
      causes.push(fieldError.invalid('metadata.name', meta.name, message));
    }
  }
  const namespace = meta.namespace ?? '';
  if (!rules.namespaced) {
    if (namespace !== '') {
      causes.push(fieldError.forbidden('metadata.namespace', 'not allowed on this type'));
    }
  } else if (namespace === '') {
    causes.push(fieldError.required('metadata.namespace'));
  } else {
    for (const message of dns1123LabelErrors(namespace)) {
      causes.push(fieldError.invalid('metadata.namespace', namespace, message));
    }
  }
  causes.push(
    ...validateLabels(meta.labels ?? {}, 'metadata.labels'),
    ...validateAnnotations(meta.annotations ?? {}, 'metadata.annotations'),
    ...validateOwners(meta.ownerReferences ?? []),
    ...validateFinalizers(meta.finalizers ?? []),
  );
  return causes;
}

/** What an update may not do to metadata, as ValidateObjectMetaUpdate says it. */
export function validateMetadataUpdate(meta: ObjectMeta, old: ObjectMeta): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  if (old.deletionTimestamp !== undefined) {
    const before = new Set(old.finalizers);
    const added = (meta.finalizers ?? []).filter((one) => !before.has(one)).toSorted();
    if (added.length > 0) {
      const list = added.map((one) => JSON.stringify(one)).join(', ');
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      causes.push(fieldError.forbidden('metadata.finalizers', detail));
    }
  }
  const fixed = ['name', 'namespace', 'uid', 'creationTimestamp'] as const;
  for (const member of fixed) {
    if (meta[member] !== old[member]) {
      causes.push(immutable(`metadata.${member}`, meta[member] ?? ''));
    }
  }
  return causes;
}

/** The cause for a field that may not change. */
function immutable(field: string, value: unknown): StatusCause {
  return fieldError.invalid(field, value, 'field is immutable');
}

/** A cause when `value` differs from `old`. */
export function unchanged(field: string, value: unknown, old: unknown): readonly StatusCause[] {
  return jsonEqual(value, old) ? [] : [immutable(field, value ?? null)];
}

export function validateLabels(
  labels: Readonly<Record<string, string>>,
  path: string,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const [key, value] of Object.entries(labels)) {
    for (const message of qualifiedNameErrors(key)) {
      causes.push(fieldError.invalid(path, key, message));
    }
    for (const message of labelValueErrors(value)) {
      causes.push(fieldError.invalid(path, value, message));
    }
  }
  return causes;
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>>,
  path: string,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    for (const message of qualifiedNameErrors(key.toLowerCase())) {
      causes.push(fieldError.invalid(path, key, message));
    }
  }
  if (size > annotationsLimitBytes) causes.push(fieldError.tooLong(path, annotationsLimitBytes));
  return causes;
}

function validateOwners(owners: readonly OwnerReference[]): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  let controller: string | undefined;
  for (const [i, owner] of owners.entries()) {
    const path = `metadata.ownerReferences[${i}]`;
    const version = (owner.apiVersion ?? '').split('/').at(-1) ?? '';
    if (version === '') {
      const value = owner.apiVersion ?? '';
      causes.push(fieldError.invalid(`${path}.apiVersion`, value, 'version must not be empty'));
    }
    for (const member of ['kind', 'name', 'uid'] as const) {
      if ((owner[member] ?? '') === '') {
        causes.push(fieldError.invalid(`${path}.${member}`, '', 'must not be empty'));
      }
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      const detail = '/v1, Kind=Event is disallowed from being an owner';
      causes.push(fieldError.invalid(path, owner, detail));
    }
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      causes.push(fieldError.invalid('metadata.ownerReferences', owners, detail));
    } else controller = name;
  }
  return causes;
}

function validateFinalizers(finalizers: readonly string[]): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const finalizer of finalizers) {
    for (const message of qualifiedNameErrors(finalizer)) {
      causes.push(fieldError.invalid('metadata.finalizers', finalizer, message));
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const detail = 'finalizer orphan and foregroundDeletion cannot be both set';
    causes.push(fieldError.invalid('metadata.finalizers', finalizers, detail));
  }
  return causes;
}
