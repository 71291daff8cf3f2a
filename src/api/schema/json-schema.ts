import type { Schema, ValidationRule } from '../schema.ts';

/** JSON Schema as OpenAPI documents and CRDs (JSONSchemaProps) write it; only what is read here. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
  readonly 'x-kubernetes-group-version-kind'?: readonly unknown[];
}

/** Members that mean the same and have the same name in both forms. */
const plainMembers = [
  'format',
  'description',
  'nullable',
  'default',
  'required',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
] as const satisfies readonly (keyof JsonSchema & keyof Schema)[];

/** Members that have a name of their own in JSON Schema. */
const extensionMembers = [
  ['x-kubernetes-int-or-string', 'intOrString'],
  ['x-kubernetes-preserve-unknown-fields', 'preserveUnknownFields'],
  ['x-kubernetes-embedded-resource', 'embeddedResource'],
  ['x-kubernetes-list-type', 'listType'],
  ['x-kubernetes-list-map-keys', 'listMapKeys'],
  ['x-kubernetes-map-type', 'mapType'],
  ['x-kubernetes-patch-merge-key', 'patchMergeKey'],
  ['x-kubernetes-validations', 'rules'],
] as const satisfies readonly (readonly [keyof JsonSchema, keyof Schema])[];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ResolveRef = (ref: string, sibling: JsonSchema) => Schema;

/** A schema tree from JSON Schema; `resolveRef` gives the schema for a `$ref`. */
export function fromJsonSchema(json: JsonSchema, resolveRef: ResolveRef): Schema {
  if (json.$ref !== undefined) return resolveRef(json.$ref, json);
  const out: Mutable<Schema> & Record<string, unknown> = {};
  for (const member of plainMembers) {
    if (json[member] !== undefined) out[member] = json[member] as never;
  }
  for (const [theirs, ours] of extensionMembers) {
    if (json[theirs] !== undefined) out[ours] = json[theirs] as never;
  }
  if (json.type !== undefined && json.type !== '')
    out.type = json.type as NonNullable<Schema['type']>;
  const strategy = json['x-kubernetes-patch-strategy'];
  if (strategy !== undefined) out.patchStrategy = strategy.split(',');
  const convert = (child: JsonSchema): Schema => fromJsonSchema(child, resolveRef);
  if (json.properties !== undefined) out.properties = mapValues(json.properties, convert);
  if (json.items !== undefined) out.items = convert(json.items);
  if (json.additionalProperties !== undefined) {
    out.additionalProperties =
      typeof json.additionalProperties === 'boolean'
        ? json.additionalProperties
        : convert(json.additionalProperties);
  }
  if (json.allOf !== undefined) out.allOf = json.allOf.map(convert);
  if (json.anyOf !== undefined) out.anyOf = json.anyOf.map(convert);
  if (json.oneOf !== undefined) out.oneOf = json.oneOf.map(convert);
  if (json.not !== undefined) out.not = convert(json.not);
  return out;
}

/** The JSON Schema of a schema tree; `makeRef` may answer a `$ref` for a named definition. */
export function toJsonSchema(
  schema: Schema,
  makeRef: (definition: string) => JsonSchema | undefined,
): JsonSchema {
  const ref = schema.definition === undefined ? undefined : makeRef(schema.definition);
  if (ref !== undefined) return ref;
  const out: Mutable<JsonSchema> & Record<string, unknown> = {};
  if (schema.type !== undefined) out.type = schema.type;
  for (const member of plainMembers) {
    if (schema[member] !== undefined) out[member] = schema[member] as never;
  }
  for (const [theirs, ours] of extensionMembers) {
    if (schema[ours] !== undefined) out[theirs] = schema[ours] as never;
  }
  if (schema.patchStrategy !== undefined) {
    out['x-kubernetes-patch-strategy'] = schema.patchStrategy.join(',');
  }
  const convert = (child: Schema): JsonSchema => toJsonSchema(child, makeRef);
  if (schema.properties !== undefined) out.properties = mapValues(schema.properties, convert);
  if (schema.items !== undefined) out.items = convert(schema.items);
  if (schema.additionalProperties !== undefined) {
    out.additionalProperties =
      typeof schema.additionalProperties === 'boolean'
        ? schema.additionalProperties
        : convert(schema.additionalProperties);
  }
  if (schema.allOf !== undefined) out.allOf = schema.allOf.map(convert);
  if (schema.anyOf !== undefined) out.anyOf = schema.anyOf.map(convert);
  if (schema.oneOf !== undefined) out.oneOf = schema.oneOf.map(convert);
  if (schema.not !== undefined) out.not = convert(schema.not);
  return out;
}

function mapValues<A, B>(
  from: Readonly<Record<string, A>>,
  convert: (value: A) => B,
): Record<string, B> {
  const out: Record<string, B> = {};
  for (const [key, value] of Object.entries(from)) out[key] = convert(value);
  return out;
}
