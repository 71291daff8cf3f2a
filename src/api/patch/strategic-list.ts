import { StatusError } from '../status-error.ts';
import {
  hasPatchDirective,
  patchDirective,
  wholeObject,
  wholeValue,
  withoutDirectives,
} from './directives.ts';
import { isJsonObject } from './merge-patch.ts';
import { badPatch, goText, goType } from './patch-error.ts';

type JsonMembers = Readonly<Record<string, unknown>>;
type List = readonly unknown[];

/** How one list merges. */
export interface ListRules {
  /** `merge`, or undefined for a list that is replaced as a whole. */
  readonly strategy: string | undefined;
  /** The field that tells items apart; undefined for a list of primitives. */
  readonly mergeKey: string | undefined;
  /** Merges an item of the patch into the item that it was found to be. */
  readonly mergeItem: (original: JsonMembers, patch: JsonMembers) => JsonMembers;
}

/** Merges a list of the patch into the original's, or replaces it, as the rules say. */
export function mergeList(original: List, patch: List, rules: ListRules): List {
  return mergeLists(original, patch, rules).merged;
}

interface MergedLists {
  readonly merged: List;
  /** The original's order as it stands after the merge. */
  readonly serverOrder: List;
}

function mergeLists(original: List, patch: List, rules: ListRules): MergedLists {
  if (rules.strategy !== 'merge') {
    return { merged: wholeValue(patch) as List, serverOrder: original };
  }
  const { mergeKey } = rules;
  if (!holdsObjects(original, patch)) {
    const both = [...new Set([...original, ...patch])];
    const order = { patchOrder: patch, serverOrder: original, mergeKey: undefined };
    return { merged: ordered(both, order), serverOrder: original };
  }
  if (mergeKey === undefined) throw badPatch('cannot merge lists without merge key for struct');
  const special = applySpecialItems(original, patch, mergeKey);
  const both = mergeItems(special.original, special.patch, { ...rules, mergeKey });
  const order = { patchOrder: special.patch, serverOrder: special.original, mergeKey };
  // Upstream deletes and appends in the original's own memory, where the order is then looked up: what
  // is new takes the places that are free.
  const memory = special.memory.toSpliced(
    special.original.length,
    both.length - special.original.length,
    ...both.slice(special.original.length),
  );
  return { merged: ordered(both, order), serverOrder: memory.slice(0, original.length) };
}

/** A list with the directive `$setElementOrder` for it. */
export interface OrderedLists {
  readonly original: unknown;
  readonly patch: unknown;
  readonly order: unknown;
}

/** Merges a list and puts it into the order that the patch asks for; undefined when there is no list. */
export function mergeOrderedList(lists: OrderedLists, rules: ListRules): List | undefined {
  const order = listOr(lists.order);
  const original = lists.original === undefined ? undefined : listOr(lists.original);
  const patch = lists.patch === undefined ? undefined : listOr(lists.patch);
  if (original === undefined && patch === undefined) return undefined;
  const { mergeKey } = rules;
  checkOrder(patch ?? [], order, mergeKey);
  const { merged, serverOrder } =
    original === undefined || patch === undefined
      ? { merged: original ?? (withoutDirectives(patch) as List), serverOrder: original ?? [] }
      : mergeLists(original, patch, rules);
  holdsObjects(merged, order);
  return ordered(merged, { patchOrder: order, serverOrder, mergeKey });
}

/** A list of primitives without those that are to be deleted. */
export function deletePrimitives(list: List, deleted: List): List {
  if (holdsObjects(list, deleted)) throw badPatch('invalid patch format of primitive list');
  const gone = new Set(deleted);
  return list.filter((item) => !gone.has(item));
}

interface SpecialItems {
  readonly original: List;
  readonly patch: List;
  /** The original with the deletions done in place: behind what is left stands what was there. */
  readonly memory: List;
}

/** Takes items with `$patch` out of a patch's list: deletions are done, a replacement empties it. */
function applySpecialItems(original: List, patch: List, mergeKey: string): SpecialItems {
  const memory = [...original];
  const keys = new Set((original as readonly JsonMembers[]).map((item) => item[mergeKey]));
  let length = original.length;
  let replaces = false;
  for (const item of patch as readonly JsonMembers[]) {
    if (!hasPatchDirective(item)) continue;
    const directive = item[patchDirective];
    switch (directive) {
      case 'delete': {
        const deleted = keyOf(item, mergeKey);
        for (let index = length - 1; index >= 0 && keys.has(deleted); index -= 1) {
          if ((memory[index] as JsonMembers)[mergeKey] !== deleted) continue;
          memory.copyWithin(index, index + 1, length);
          length -= 1;
        }
        keys.delete(deleted);
        break;
      }
      case 'replace':
        replaces = true;
        break;
      case 'merge':
        throw badPatch('merging lists cannot yet be specified in the patch');
      default:
        throw badPatch(`unknown patch type: ${goText(directive)} in map: ${goText(item)}`);
    }
  }
  const plain = patch.filter((item) => !hasPatchDirective(item));
  return replaces
    ? { original: wholeValue(plain) as List, patch: [], memory }
    : { original: memory.slice(0, length), patch: plain, memory };
}

/**
 * Merges items into the first that has the same key, and appends those that have none; two new items
 * of one key become one.
 */
function mergeItems(
  original: List,
  patch: List,
  { mergeKey, mergeItem }: ListRules & { readonly mergeKey: string },
): List {
  const merged = [...(original as readonly JsonMembers[])];
  const indexes = new Map<unknown, number>();
  for (const [index, item] of merged.entries()) {
    const key = item[mergeKey];
    if (key !== undefined && !indexes.has(key)) indexes.set(key, index);
  }
  for (const item of patch as readonly JsonMembers[]) {
    const key = keyOf(item, mergeKey);
    const index = indexes.get(key);
    const found = index === undefined ? undefined : merged[index];
    if (index === undefined || found === undefined) {
      indexes.set(key, merged.length);
      merged.push(wholeObject(item));
    } else {
      merged[index] = mergeItem(found, item);
    }
  }
  return merged;
}

interface Order {
  /** The order of what the patch speaks of. */
  readonly patchOrder: List;
  /** The order of the rest, and of the two among each other where it knows both. */
  readonly serverOrder: List;
  readonly mergeKey: string | undefined;
}

/** Orders a merged list: the patch's items as the patch has them, the server's as they were. */
function ordered(merged: List, { patchOrder, serverOrder, mergeKey }: Order): List {
  const identity = (item: unknown): unknown => identityOf(item, mergeKey);
  const patchIndexes = firstIndexes(patchOrder.map(identity));
  const serverIndexes = firstIndexes(serverOrder.map(identity));
  const inPatch = merged.filter((item) => patchIndexes.has(identity(item)));
  const serverOnly = merged.filter((item) => !patchIndexes.has(identity(item)));
  const right = sortedBy(inPatch, patchIndexes, identity);
  const left = sortedBy(serverOnly, serverIndexes, identity);
  const result: unknown[] = [];
  let next = 0;
  for (const item of right) {
    const at = serverIndexes.get(identity(item));
    while (next < left.length && isBefore(left[next], at)) {
      result.push(left[next]);
      next += 1;
    }
    result.push(item);
  }
  return [...result, ...left.slice(next)];

  function isBefore(item: unknown, at: number | undefined): boolean {
    const index = serverIndexes.get(identity(item));
    return index !== undefined && at !== undefined && index < at;
  }
}

function sortedBy(
  list: List,
  indexes: ReadonlyMap<unknown, number>,
  identity: (item: unknown) => unknown,
): List {
  const at = (item: unknown): number => indexes.get(identity(item)) ?? Infinity;
  return list.toSorted((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b)));
}

function firstIndexes(identities: List): ReadonlyMap<unknown, number> {
  const indexes = new Map<unknown, number>();
  for (const [index, identity] of identities.entries()) {
    if (!indexes.has(identity)) indexes.set(identity, index);
  }
  return indexes;
}

/** The patch's items must come in the order that the patch asks for, or it contradicts itself. */
function checkOrder(patch: List, order: List, mergeKey: string | undefined): void {
  if (patch.length === 0 || order.length === 0) return;
  const items = patch.filter((item) => mergeKey === undefined || !hasPatchDirective(item));
  let next = 0;
  for (const wanted of order) {
    if (next === items.length) return;
    if (identityOf(items[next], mergeKey) === identityOf(wanted, mergeKey)) next += 1;
  }
  if (next === items.length) return;
  throw badPatch(
    `The order in patch list:\n${goText(patch)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
  );
}

/** True for lists of objects, false for primitives; refuses mixtures and lists of lists. */
function holdsObjects(...lists: readonly List[]): boolean {
  const types = new Set(lists.flat().map(goType));
  if (types.has('[]interface {}')) {
    throw new StatusError(422, 'Invalid', 'lists of lists are not supported');
  }
  const objects = types.has('map[string]interface {}');
  if (objects && types.size > 1) {
    throw badPatch(`list element types are not identical: ${goText(lists)}`);
  }
  return objects;
}

function identityOf(item: unknown, mergeKey: string | undefined): unknown {
  if (mergeKey === undefined) {
    if (typeof item === 'object' && item !== null)
      throw badPatch('invalid patch format of setElementOrder list');
    return item;
  }
  if (!isJsonObject(item)) {
    throw badPatch(`expected a map[string]interface {}, but received a ${goType(item)}`);
  }
  return keyOf(item, mergeKey);
}

function keyOf(item: JsonMembers, mergeKey: string): unknown {
  if (Object.hasOwn(item, mergeKey)) return item[mergeKey];
  throw badPatch(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
}

function listOr(value: unknown): List {
  if (Array.isArray(value)) return value;
  throw badPatch(`expected a []interface {}, but received a ${goType(value)}`);
}
