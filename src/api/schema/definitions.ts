/**
 * The schemas of Kubernetes' own types, from the data that scripts/derive-schemas.ts wrote.
 *
 * Invariants:
 * 1. One definition is converted at most once, when something first looks inside of it; all who
 *    refer to it share the node.
 * 2. A definition may refer to itself (JSONSchemaProps does), because what is inside of a node is
 *    converted only when it is asked for.
 */
import type { Schema } from '../schema.ts';
import data from './data/kubernetes.json' with { type: 'json' };
import { fromJsonSchema, type JsonSchema } from './json-schema.ts';

export const refPrefix = '#/definitions/';

const definitions = data as unknown as Readonly<Record<string, JsonSchema>>;
const nodes = new Map<string, Schema>();

/** Definitions whose JSON is free-form, though the data gives them no type or no properties. */
const freeForm: Readonly<Record<string, Schema>> = {
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': { nullable: true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': {},
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': {},
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': {},
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': { type: 'object' },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object' },
};

/** A definition with properties, converted on first use. */
class StructNode implements Schema {
  readonly type = 'object' as const;
  readonly definition: string;
  readonly default: unknown;
  readonly required: readonly string[];
  readonly mapType: 'atomic' | 'granular' | undefined;
  readonly patchStrategy: readonly string[] | undefined;
  #properties: Readonly<Record<string, Schema>> | undefined;

  constructor(definition: string, json: JsonSchema, sibling: JsonSchema) {
    this.definition = definition;
    this.default = sibling.default;
    this.required = json.required ?? [];
    const mapType = json['x-kubernetes-map-type'] ?? sibling['x-kubernetes-map-type'];
    this.mapType = mapType === 'atomic' ? 'atomic' : undefined;
    this.patchStrategy = sibling['x-kubernetes-patch-strategy']?.split(',');
  }

  get properties(): Readonly<Record<string, Schema>> {
    this.#properties ??= fromJsonSchema(
      { properties: rawDefinition(this.definition).properties ?? {} },
      resolveRef,
    ).properties;
    return this.#properties as Readonly<Record<string, Schema>>;
  }
}

/** The schema of a definition by its full name, such as `io.k8s.api.core.v1.Pod`. */
export function definitionSchema(name: string): Schema {
  return resolveRef(refPrefix + name, {});
}

/** The definition as JSON Schema, as upstream publishes it. */
export function rawDefinition(name: string): JsonSchema {
  const found = definitions[name];
  if (found === undefined) throw new Error(`Cannot find definition "${name}"`);
  return found;
}

/** Members beside a `$ref` (default, patch strategy) belong to the place, not to the definition. */
function resolveRef(ref: string, sibling: JsonSchema): Schema {
  const name = ref.slice(refPrefix.length);
  const strategy = sibling['x-kubernetes-patch-strategy'] ?? '';
  const mapType = sibling['x-kubernetes-map-type'] ?? '';
  const key = `${name} ${JSON.stringify(sibling.default) ?? ''} ${strategy} ${mapType}`;
  let node = nodes.get(key);
  if (node === undefined) {
    node = makeNode(name, sibling);
    nodes.set(key, node);
  }
  return node;
}

function makeNode(name: string, sibling: JsonSchema): Schema {
  const json = rawDefinition(name);
  const free = freeForm[name];
  if (free !== undefined) return { ...free, preserveUnknownFields: true, definition: name };
  if (name.endsWith('.IntOrString') || name.endsWith('.Quantity')) {
    return { intOrString: true, ...(json.format && { format: json.format }), definition: name };
  }
  if (json.type === 'object') return new StructNode(name, json, sibling);
  return { ...fromJsonSchema(json, resolveRef), definition: name };
}
