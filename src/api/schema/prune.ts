import type { Schema } from '../schema.ts';
import { child } from './field-error.ts';

export interface Pruned {
  readonly object: unknown;
  /** Paths of what was taken out, such as `spec.containers[0].bogus`. */
  readonly unknown: readonly string[];
}

/**
 * Takes out the fields that a schema does not know, as structural pruning and Go's decoder do.
 *
 * What has x-kubernetes-preserve-unknown-fields keeps them, below it specified fields are pruned
 * again. In types of Kubernetes' own a null counts as absent. Values that do not have the type of
 * their schema are left as they are, for validation to name. The input is not changed; parts of it
 * are shared with the output.
 */
export function pruneUnknown(schema: Schema, object: unknown): Pruned {
  const unknown: string[] = [];
  return { object: pruneValue(schema, object, '', unknown), unknown };
}

/** What every embedded resource has, whether its schema says so or not. */
const resourceMembers = new Set(['apiVersion', 'kind', 'metadata']);

function pruneValue(schema: Schema, value: unknown, path: string, unknown: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return schema.items === undefined ? value : pruneItems(schema.items, value, path, unknown);
  }
  return pruneObject(schema, value as Record<string, unknown>, path, unknown);
}

function pruneItems(
  items: Schema,
  value: readonly unknown[],
  path: string,
  unknown: string[],
): readonly unknown[] {
  let out: unknown[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const item: unknown = value[i];
    if (typeof item !== 'object' || item === null) continue;
    const kept = pruneValue(items, item, `${path}[${i}]`, unknown);
    if (kept !== item) (out ??= value.slice())[i] = kept;
  }
  return out ?? value;
}

function pruneObject(
  schema: Schema,
  value: Record<string, unknown>,
  path: string,
  unknown: string[],
): Record<string, unknown> {
  const nullIsAbsent = schema.definition !== undefined && schema.properties !== undefined;
  let out: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const member = value[key];
    const inner = memberSchema(schema, key);
    if (inner === undefined || (member === null && nullIsAbsent && inner !== true)) {
      if (inner === undefined) unknown.push(child(path, key));
      out ??= { ...value };
      delete out[key];
    } else if (inner !== true && typeof member === 'object' && member !== null) {
      const kept = pruneValue(inner, member, child(path, key), unknown);
      if (kept !== member) (out ??= { ...value })[key] = kept;
    }
  }
  return out ?? value;
}

/** The schema of a member; true for one that is kept as it is; undefined for an unknown one. */
function memberSchema(schema: Schema, key: string): Schema | true | undefined {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  if (additionalProperties !== undefined && additionalProperties !== false) {
    return additionalProperties;
  }
  if (schema.preserveUnknownFields === true) return true;
  if (schema.embeddedResource === true && resourceMembers.has(key)) return true;
  return undefined;
}
