/**
 * The patch of `apply`: what the user changed since the last time, onto what is there now.
 *
 * 1. What the configuration says is set where the live object differs from it.
 * 2. What the configuration said last time and no longer says is taken away.
 * 3. What others have set beside the configuration stays.
 * 4. Lists with a merge strategy in the schema are merged item by item and take the configuration's
 *    order; all others are replaced as a whole. With an empty schema the result is a JSON merge patch
 *    (RFC 7396), otherwise a strategic one (k8s.io/apimachinery pkg/util/strategicpatch).
 */
import { isJsonObject, jsonEqual, type Schema } from '../../api/index.ts';

type Members = Readonly<Record<string, unknown>>;

export interface ThreeWays {
  /** What was applied last. */
  readonly original: Members;
  /** What is to be applied now. */
  readonly modified: Members;
  /** What the server has. */
  readonly current: Members;
}

const anything: Schema = {};
const none: Members = {};

/** Computes the patch; it is empty when nothing is to be done. */
export function threeWayPatch(ways: ThreeWays, schema: Schema): Members {
  const patch: (readonly [string, unknown])[] = [];
  for (const [key, modified] of Object.entries(ways.modified)) {
    const field = fieldSchema(schema, key);
    const member = { key, original: ways.original[key], modified, current: ways.current[key] };
    patch.push(...memberPatch(member, field));
  }
  for (const key of Object.keys(ways.original)) {
    if (!Object.hasOwn(ways.modified, key)) patch.push([key, null]);
  }
  return Object.fromEntries(patch);
}

interface Member {
  readonly key: string;
  readonly original: unknown;
  readonly modified: unknown;
  readonly current: unknown;
}

function memberPatch(member: Member, schema: Schema): readonly (readonly [string, unknown])[] {
  const { key, original, modified, current } = member;
  if (modified === null) return current === undefined ? [] : [[key, null]];
  if (current === undefined || current === null) return [[key, modified]];
  const merges = schema.patchStrategy?.includes('merge') === true;
  if (isJsonObject(modified) && isJsonObject(current)) {
    if (schema.patchStrategy?.includes('replace') === true) {
      return jsonEqual(modified, current) ? [] : [[key, { ...modified, $patch: 'replace' }]];
    }
    const inner = threeWayPatch({ original: membersOr(original), modified, current }, schema);
    return isEmpty(inner) ? [] : [[key, { ...retainKeys(modified, schema), ...inner }]];
  }
  if (Array.isArray(modified) && Array.isArray(current) && merges) {
    const lists = { original: Array.isArray(original) ? original : [], modified, current };
    return schema.patchMergeKey === undefined
      ? primitivesPatch(key, lists)
      : itemsPatch(key, lists, { mergeKey: schema.patchMergeKey, items: schema.items ?? anything });
  }
  return jsonEqual(modified, current) ? [] : [[key, modified]];
}

interface Lists {
  readonly original: readonly unknown[];
  readonly modified: readonly unknown[];
  readonly current: readonly unknown[];
}

function primitivesPatch(key: string, lists: Lists): readonly (readonly [string, unknown])[] {
  const { original, modified, current } = lists;
  const added = modified.filter((item) => !current.includes(item));
  const deleted = original.filter((item) => !modified.includes(item));
  if (added.length === 0 && deleted.length === 0 && !reordered(modified, current)) return [];
  return [
    [`$setElementOrder/${key}`, modified],
    ...(deleted.length === 0 ? [] : [[`$deleteFromPrimitiveList/${key}`, deleted] as const]),
    ...(added.length === 0 ? [] : [[key, added] as const]),
  ];
}

function itemsPatch(
  key: string,
  lists: Lists,
  { mergeKey, items }: { readonly mergeKey: string; readonly items: Schema },
): readonly (readonly [string, unknown])[] {
  const { original, modified, current } = lists;
  const identity = (item: unknown): unknown => membersOr(item)[mergeKey];
  const find = (list: readonly unknown[], id: unknown): unknown =>
    list.find((item) => identity(item) === id);
  const changed = modified.flatMap((item) => {
    const id = identity(item);
    const there = find(current, id);
    if (!isJsonObject(item) || there === undefined) return [item];
    const ways = {
      original: membersOr(find(original, id)),
      modified: item,
      current: membersOr(there),
    };
    const inner = threeWayPatch(ways, items);
    return isEmpty(inner) ? [] : [{ ...inner, [mergeKey]: id }];
  });
  const deleted = original
    .map(identity)
    .filter((id) => find(modified, id) === undefined)
    .map((id) => ({ $patch: 'delete', [mergeKey]: id }));
  const all = [...changed, ...deleted];
  const moved = reordered(modified.map(identity), current.map(identity));
  if (all.length === 0 && !moved) return [];
  return [
    [`$setElementOrder/${key}`, modified.map((item) => ({ [mergeKey]: identity(item) }))],
    ...(all.length === 0 ? [] : [[key, all] as const]),
  ];
}

/** True when what both lists have stands in another order. */
function reordered(modified: readonly unknown[], current: readonly unknown[]): boolean {
  const now = current.filter((item) => modified.includes(item));
  const wanted = modified.filter((item) => current.includes(item));
  return now.some((item, index) => item !== wanted[index]);
}

/** Tells the server to drop the members that the configuration does not have (unions like volumes). */
function retainKeys(modified: Members, schema: Schema): Members {
  return schema.patchStrategy?.includes('retainKeys') === true
    ? { $retainKeys: Object.keys(modified).toSorted() }
    : none;
}

function fieldSchema({ properties, additionalProperties }: Schema, key: string): Schema {
  if (properties !== undefined && Object.hasOwn(properties, key)) {
    return properties[key] ?? anything;
  }
  return typeof additionalProperties === 'object' ? additionalProperties : anything;
}

function membersOr(value: unknown): Members {
  return isJsonObject(value) ? value : none;
}

function isEmpty(members: Members): boolean {
  return Object.keys(members).length === 0;
}
