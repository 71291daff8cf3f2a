/**
 * Strategic merge patch, as k8s.io/apimachinery pkg/util/strategicpatch applies it.
 *
 * 1. Neither the original nor the patch is changed; the result shares what neither touched.
 * 2. Lists merge by the schema's `patchStrategy` and `patchMergeKey` (never by list type or list map
 *    keys): upstream's words for the two are different things, and kubectl computes with the former.
 * 3. Directives and nulls never reach the result.
 * 4. Where upstream depends on the random order of Go's maps (a list both merged and deleted from in
 *    one patch), deletions come first.
 */
import type { Schema } from '../schema.ts';
import {
  directiveField,
  hasPatchDirective,
  isDirective,
  objectDirective,
  retainOnly,
  wholeObject,
  withoutDirectives,
} from './directives.ts';
import { isJsonObject } from './merge-patch.ts';
import { badPatch } from './patch-error.ts';
import { deletePrimitives, type ListRules, mergeList, mergeOrderedList } from './strategic-list.ts';

type JsonMembers = Readonly<Record<string, unknown>>;

/**
 * Applies a strategic merge patch to an object of the given schema and returns the result.
 *
 * Throws a StatusError 400 (422 for a list of lists) in upstream's words when the patch makes no sense.
 */
export function strategicMergePatch(original: unknown, patch: unknown, schema: Schema): unknown {
  if (!isJsonObject(patch)) throw badPatch('invalid JSON document');
  return mergeObject(isJsonObject(original) ? original : {}, patch, schema);
}

function mergeObject(original: JsonMembers, patch: JsonMembers, schema: Schema): JsonMembers {
  const directive = objectDirective(patch);
  if (directive === 'delete') return {};
  if (directive === 'replace') return wholeObject(patch);
  const members = new Map(Object.entries(original));
  retainOnly(members, patch);
  const ordered = mergeOrderedLists(members, patch, schema);
  deleteFromLists(members, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (!isDirective(key) && !ordered.has(key)) mergeMember(members, { key, value, schema });
  }
  return Object.fromEntries(members);
}

/** Merges the lists whose order the patch sets; returns the names of their fields. */
function mergeOrderedLists(
  members: Map<string, unknown>,
  patch: JsonMembers,
  schema: Schema,
): ReadonlySet<string> {
  const done = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    const field = directiveField(key, '$setElementOrder');
    if (field === undefined) continue;
    const fieldPatch = Object.hasOwn(patch, field) ? patch[field] : undefined;
    const lists = { original: members.get(field), patch: fieldPatch, order };
    const merged = mergeOrderedList(lists, listRules(fieldSchema(schema, field)));
    if (merged !== undefined) members.set(field, merged);
    done.add(field);
  }
  return done;
}

function deleteFromLists(members: Map<string, unknown>, patch: JsonMembers): void {
  for (const [key, deleted] of Object.entries(patch)) {
    const field = directiveField(key, '$deleteFromPrimitiveList');
    if (field === undefined) continue;
    const list = members.get(field);
    if (deleted === null) members.delete(field);
    else if (Array.isArray(list) && Array.isArray(deleted)) {
      members.set(field, deletePrimitives(list, deleted));
    }
  }
}

interface MemberPatch {
  readonly key: string;
  readonly value: unknown;
  /** Schema of the object that the member belongs to. */
  readonly schema: Schema;
}

function mergeMember(members: Map<string, unknown>, { key, value, schema }: MemberPatch): void {
  const original = members.get(key);
  if (value === null) {
    members.delete(key);
  } else if (isJsonObject(value) && isJsonObject(original)) {
    const field = fieldSchema(schema, key);
    const replaces = strategyOf(field) === 'replace';
    members.set(key, replaces ? wholeObject(value) : mergeObject(original, value, field));
  } else if (Array.isArray(value) && Array.isArray(original)) {
    members.set(key, mergeList(original, value, listRules(fieldSchema(schema, key))));
  } else if (hasPatchDirective(value)) {
    // A directive for an object that is not there leaves nothing, as upstream does.
    members.delete(key);
  } else {
    members.set(key, withoutDirectives(value));
  }
}

const anything: Schema = {};

/** The schema of a field; of a free-form map's values; or that of anything. */
function fieldSchema(schema: Schema, key: string): Schema {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, key)) {
    return properties[key] ?? anything;
  }
  return typeof additionalProperties === 'object' ? additionalProperties : anything;
}

function listRules(schema: Schema): ListRules {
  return {
    strategy: strategyOf(schema),
    mergeKey: schema.patchMergeKey,
    mergeItem: (original, patch) => mergeObject(original, patch, schema.items ?? anything),
  };
}

/** The strategy beside `retainKeys`, which only tells clients to send `$retainKeys`. */
function strategyOf(schema: Schema): string | undefined {
  return schema.patchStrategy?.find((strategy) => strategy !== 'retainKeys');
}
