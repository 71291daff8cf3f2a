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
  const names: ReadonlySet<unknown> = new Set(Array.isArray(retained) ? retained : []);
  const fields = fieldsOf(patch);
  if (!Array.isArray(retained) || !fields.every(([key]) => names.has(key))) {
    throw badPatch('invalid patch format of retainKeys');
  }
  for (const key of members.keys()) {
    if (!names.has(key)) members.delete(key);
  }
}

/**
 * What a patch's value is where the original has nothing: without directives, nulls, and all that has
 * a `$patch` of its own (even to replace: so does upstream).
 */
export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !hasPatchDirective(item)).map(withoutDirectives);
  }
  if (!isJsonObject(value)) return value;
  const members = fieldsOf(value).filter(([, member]) => !hasPatchDirective(member));
  return Object.fromEntries(members.map(([key, member]) => [key, withoutDirectives(member)]));
}

/**
 * What an object of a patch is that replaces or is added as a whole: without directives and nulls, and
 * without what is to be deleted, of which there is none.
 */
export function wholeObject(value: JsonMembers): JsonMembers {
  const members = fieldsOf(value).filter(([, member]) => !isDeletion(member));
  return Object.fromEntries(members.map(([key, member]) => [key, wholeValue(member)]));
}

/** Likewise for a value of any kind; in a list, items with `$patch` are no items. */
export function wholeValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !hasPatchDirective(item)).map(wholeValue);
  }
  return isJsonObject(value) ? wholeObject(value) : value;
}

export function hasPatchDirective(value: unknown): boolean {
  return isJsonObject(value) && Object.hasOwn(value, patchDirective);
}

function isDeletion(value: unknown): boolean {
  return isJsonObject(value) && value[patchDirective] === 'delete';
}

function fieldsOf(value: JsonMembers): readonly (readonly [string, unknown])[] {
  return Object.entries(value).filter(([key, member]) => member !== null && !isDirective(key));
}
