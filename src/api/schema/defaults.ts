import type { Schema } from '../schema.ts';

/**
 * Fills in the defaults of a schema, as structural defaulting does: a member that is absent, or null
 * where null is not allowed, gets a copy of its default; then what is inside of it is defaulted.
 *
 * The input is not changed; parts of it are shared with the output. Idempotent.
 */
export function applyDefaults(schema: Schema, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return defaultItems(schema, value);
  return defaultObject(schema, value as Record<string, unknown>);
}

function defaultItems(schema: Schema, value: readonly unknown[]): readonly unknown[] {
  const { items } = schema;
  if (items === undefined) return value;
  let out: unknown[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const item = withDefault(items, value[i]);
    if (item !== value[i]) (out ??= value.slice())[i] = item;
  }
  return out ?? value;
}

function defaultObject(schema: Schema, value: Record<string, unknown>): Record<string, unknown> {
  const { properties, additionalProperties } = schema;
  let out: Record<string, unknown> | undefined;
  for (const key in properties) {
    const property = properties[key] as Schema;
    const member = Object.hasOwn(value, key) ? value[key] : undefined;
    const made = withDefault(property, member);
    if (made === member) continue;
    out ??= { ...value };
    if (made === undefined) delete out[key];
    else out[key] = made;
  }
  if (typeof additionalProperties === 'object') {
    for (const key of Object.keys(value)) {
      if (properties !== undefined && Object.hasOwn(properties, key)) continue;
      const made = withDefault(additionalProperties, value[key]);
      if (made === value[key] || made === undefined) continue;
      (out ??= { ...value })[key] = made;
    }
  }
  return out ?? value;
}

/** Undefined stands for a member that is to be absent. */
function withDefault(schema: Schema, value: unknown): unknown {
  if (value === undefined) {
    return schema.default === undefined
      ? undefined
      : applyDefaults(schema, structuredClone(schema.default));
  }
  if (value === null) {
    if (schema.nullable === true || schema.preserveUnknownFields === true) return null;
    return withDefault(schema, undefined);
  }
  return applyDefaults(schema, value);
}
