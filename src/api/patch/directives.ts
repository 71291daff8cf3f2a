import { isJsonObject } from './merge-patch.ts';
import { badPatch, goText } from './patch-error.ts';

type JsonMembers = Readonly<Record<string, unknown>>;
type ListDirective = '$setElementOrder' | '$deleteFromPrimitiveList';

/** The key of a patch's object that says what happens to the whole object. */
export const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';

const formatErrors: Readonly<Record<ListDirective, string>> = {
  $setElementOrder: 'invalid patch format of setElementOrder list',
  $deleteFromPrimitiveList: 'invalid patch format of primitive list',
};

/** The field that a list directive (`$setElementOrder/containers`) is about; undefined for another key. */
export function directiveField(key: string, directive: ListDirective): string | undefined {
  if (!key.startsWith(directive)) return undefined;
  if (key[directive.length] !== '/') throw badPatch(formatErrors[directive]);
  return key.slice(directive.length + 1);
}

/** True for a key that is no field: `$ref` and `$schema` of a CRD are fields. */
export function isDirective(key: string): boolean {
  return (
    key === patchDirective ||
    key === retainKeysDirective ||
    key.startsWith('$setElementOrder') ||
    key.startsWith('$deleteFromPrimitiveList')
  );
}

/** What `$patch` says of an object; undefined when it says nothing. */
export function objectDirective(patch: JsonMembers): 'replace' | 'delete' | undefined {
  if (!Object.hasOwn(patch, patchDirective)) return undefined;
  const directive = patch[patchDirective];
  if (directive === 'replace' || directive === 'delete') return directive;
  throw badPatch(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
}

/** Leaves only the members that the patch's `$retainKeys` names, if it has one. */
export function retainOnly(members: Map<string, unknown>, patch: JsonMembers): void {
  if (!Object.hasOwn(patch, retainKeysDirective)) return;
  const retained = patch[retainKeysDirective];
  const isRetained = (key: string): boolean => Array.isArray(retained) && retained.includes(key);
  const fields = Object.entries(patch).filter(
    ([key, value]) => value !== null && !isDirective(key),
  );
  if (!Array.isArray(retained) || !fields.every(([key]) => isRetained(key))) {
    throw badPatch('invalid patch format of retainKeys');
  }
  for (const key of members.keys()) {
    if (!isRetained(key)) members.delete(key);
  }
}

/** What a patch's value is when it is taken as it stands: without directives, nulls and deletions. */
export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !hasPatchDirective(item)).map(withoutDirectives);
  }
  return isJsonObject(value) ? membersWithoutDirectives(value) : value;
}

export function membersWithoutDirectives(value: JsonMembers): JsonMembers {
  const members = Object.entries(value).filter(
    ([key, member]) => member !== null && !isDirective(key) && !hasPatchDirective(member),
  );
  return Object.fromEntries(members.map(([key, member]) => [key, withoutDirectives(member)]));
}

export function hasPatchDirective(value: unknown): boolean {
  return isJsonObject(value) && Object.hasOwn(value, patchDirective);
}
