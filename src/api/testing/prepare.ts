import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { pruneUnknown } from '../schema/prune.ts';
import { decodeProblem, validateObject } from '../schema/validate-object.ts';

/** JSON of an object with `metadata.name` "a", in the namespace "n" where its kind has namespaces. */
export function objectOf(
  { group, version, kind, namespaced }: ResourceDescriptor,
  members: object,
  metadata: object = {},
): KubeObject {
  return {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    metadata: { name: 'a', ...(namespaced ? { namespace: 'n' } : {}), ...metadata },
    ...members,
  };
}

/** What an API server makes of an object that is created: pruned, defaulted, prepared. */
export function created(descriptor: ResourceDescriptor, object: KubeObject): KubeObject {
  const pruned = pruneUnknown(descriptor.schema, object).object;
  const problem = decodeProblem(descriptor, pruned);
  if (problem !== undefined) throw new TypeError(problem);
  const defaulted = applyDefaults(descriptor.schema, pruned) as KubeObject;
  return descriptor.hooks.prepareForCreate?.(defaulted) ?? defaulted;
}

/** `field: message` of all that is wrong with an object that is created, or that replaces `old`. */
export function problems(
  descriptor: ResourceDescriptor,
  object: KubeObject,
  old?: KubeObject,
): readonly string[] {
  return validateObject(descriptor, object, old).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}
