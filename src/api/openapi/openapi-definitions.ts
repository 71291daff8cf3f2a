import type { ResourceDescriptor } from '../descriptor.ts';
import { rawDefinition, refPrefix } from '../schema/definitions.ts';
import { type JsonSchema, toJsonSchema } from '../schema/json-schema.ts';
import { descriptionsOf, objectDescriptions } from './descriptions.ts';

const componentPrefix = '#/components/schemas/';
const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';

/**
 * The OpenAPI v3 `components.schemas` of one kind: its own, its list's and all that they refer to,
 * under upstream's names, with `x-kubernetes-*` and the group, version and kind.
 */
export function openApiDefinitions(
  descriptor: ResourceDescriptor,
): Readonly<Record<string, JsonSchema>> {
  const out: Record<string, JsonSchema> = {};
  const waiting = [listMeta];
  const name = openApiName(descriptor);
  const refer = (definition: string): JsonSchema => {
    waiting.push(definition);
    return { $ref: componentPrefix + definition };
  };
  if (descriptor.origin === 'custom') {
    out[name] = {
      ...customSchema(descriptor, refer),
      ...groupVersionKind(descriptor, descriptor.kind),
    };
  } else waiting.push(name);
  out[`${name}List`] = listSchema(descriptor, refer(listMeta));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!Object.hasOwn(out, next)) out[next] = described(next, refer);
  }
  return out;
}

/** The name of a kind's definition, such as `io.k8s.api.core.v1.Pod` or `dev.nought.v1.Function`. */
export function openApiName({ origin, group, version, kind, schema }: ResourceDescriptor): string {
  if (origin === 'builtin' && schema.definition !== undefined) return schema.definition;
  return [...group.split('.').toReversed(), version, kind].join('.');
}

function customSchema(
  descriptor: ResourceDescriptor,
  refer: (definition: string) => JsonSchema,
): JsonSchema {
  const json = toJsonSchema(descriptor.schema, (definition) => wrapRef(refer(definition), {}));
  const properties: Record<string, JsonSchema> = { ...json.properties };
  for (const [name, description] of Object.entries(objectDescriptions)) {
    const property = properties[name];
    if (property !== undefined) properties[name] = { description, ...property };
  }
  return { ...json, properties };
}

function listSchema(descriptor: ResourceDescriptor, metadata: JsonSchema): JsonSchema {
  const item: JsonSchema = { $ref: componentPrefix + openApiName(descriptor) };
  return {
    type: 'object',
    description: `${descriptor.listKind} is a list of ${descriptor.kind}`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      items: { type: 'array', items: wrapRef(item, {}) },
      kind: { type: 'string' },
      metadata: wrapRef(metadata, {}),
    },
    ...groupVersionKind(descriptor, descriptor.listKind),
  };
}

function groupVersionKind(
  { group, version }: ResourceDescriptor,
  kind: string,
): Pick<JsonSchema, 'x-kubernetes-group-version-kind'> {
  return { 'x-kubernetes-group-version-kind': [{ group, kind, version }] };
}

/** A definition of Kubernetes' own, with what is known to say of it. */
function described(name: string, refer: (definition: string) => JsonSchema): JsonSchema {
  const raw = rawDefinition(name);
  const isKind = raw['x-kubernetes-group-version-kind'] !== undefined;
  const { '': own, ...ofFields } = descriptionsOf(name);
  const texts: Readonly<Record<string, string>> = {
    ...(isKind ? objectDescriptions : {}),
    ...ofFields,
  };
  const properties: Record<string, JsonSchema> = { ...raw.properties };
  for (const [field, description] of Object.entries(texts)) {
    const property = properties[field];
    if (property !== undefined) properties[field] = { description, ...property };
  }
  return withComponentRefs(
    {
      ...(own === undefined ? {} : { description: own }),
      ...raw,
      ...(raw.properties === undefined ? {} : { properties }),
    },
    refer,
  );
}

/** In OpenAPI 3.0 nothing may stand beside a $ref, so what does moves the $ref into an allOf. */
function wrapRef(ref: JsonSchema, siblings: JsonSchema): JsonSchema {
  return { ...siblings, allOf: [ref] };
}

function withComponentRefs(
  schema: JsonSchema,
  refer: (definition: string) => JsonSchema,
): JsonSchema {
  const { $ref, properties, items, additionalProperties, ...rest } = schema;
  const convert = (inner: JsonSchema): JsonSchema => withComponentRefs(inner, refer);
  if ($ref !== undefined) {
    const ref = refer($ref.slice(refPrefix.length));
    return Object.keys(rest).length === 0 ? ref : wrapRef(ref, rest);
  }
  return {
    ...withoutV2(rest),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, inner]) => [name, convert(inner)]),
      ),
    }),
    ...(items && { items: convert(items) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'object'
          ? convert(additionalProperties)
          : additionalProperties,
    }),
  };
}

function withoutV2(schema: JsonSchema): JsonSchema {
  const { 'x-kubernetes-v2-schema': _, ...rest } = schema as JsonSchema & {
    readonly 'x-kubernetes-v2-schema'?: unknown;
  };
  return rest;
}
