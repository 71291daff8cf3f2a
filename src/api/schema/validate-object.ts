import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, ObjectMeta, StatusCause } from '../object.ts';
import type { Schema } from '../schema.ts';
import { evaluateRules } from './cel-rules.ts';
import { decodeFault } from './decode.ts';
import { validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { validateValue } from './validate-value.ts';

/**
 * All that is wrong with an object after defaulting: its metadata, its schema, then (if those are
 * right) the CEL rules of the schema and the rules of the kind. With `old`, what an update may not
 * change too; `old` must be a stored object.
 *
 * A built-in object has passed decodeProblem() before.
 */
export function validateObject(
  descriptor: ResourceDescriptor,
  object: KubeObject,
  old?: KubeObject,
): StatusCause[] {
  const { schema, hooks, namespaced } = descriptor;
  const metadataCauses = validateValue(metadataSchema(schema), object.metadata ?? {}, {
    path: 'metadata',
    old: undefined,
  }).filter((cause) => !cause.field?.startsWith('metadata.ownerReferences'));
  if (metadataCauses.length > 0) return [...metadataCauses];
  const meta: ObjectMeta = object.metadata ?? { name: '' };
  const causes = [
    ...validateMetadata(meta, { namespaced, nameErrors: hooks.nameErrors }),
    ...(old === undefined ? [] : validateMetadataUpdate(meta, old.metadata)),
  ];
  // Kinds of Kubernetes' own are validated whole, as upstream's code does; CRDs' objects ratchet.
  const before = descriptor.origin === 'custom' ? old : undefined;
  const schemaCauses = validateValue(bodySchema(schema), body(object), {
    path: '',
    old: before === undefined ? undefined : body(before),
  });
  causes.push(...schemaCauses);
  if (schemaCauses.some(leavesUnsound)) return causes;
  if (schemaCauses.length === 0) causes.push(...evaluateRules(schema, object, old));
  causes.push(...(hooks.validate?.(object) ?? []));
  if (old !== undefined) causes.push(...(hooks.validateUpdate?.(object, old) ?? []));
  return causes;
}

/**
 * Why an object cannot be read as its built-in kind at all (400 BadRequest), in upstream's words;
 * undefined if it can, and for custom kinds, whose types are validation's business.
 */
export function decodeProblem(descriptor: ResourceDescriptor, object: unknown): string | undefined {
  if (descriptor.origin === 'custom') return undefined;
  const fault = decodeFault(descriptor.schema, object);
  const { kind, version } = descriptor;
  return fault === undefined
    ? undefined
    : `${kind} in version "${version}" cannot be handled as a ${kind}: ${fault}`;
}

/** Rules beyond the schema may trust that what is required is there and has its type. */
function leavesUnsound({ reason }: StatusCause): boolean {
  return reason === 'FieldValueRequired' || reason === 'FieldValueTypeInvalid';
}

const emptySchema: Schema = {};
const bodySchemas = new WeakMap<Schema, Schema>();

function metadataSchema(schema: Schema): Schema {
  return schema.properties?.['metadata'] ?? emptySchema;
}

/**
 * The schema without metadata, which has rules of its own, and in kinds of Kubernetes' own without
 * status: only the platform writes that, and upstream asks no more of it than its types.
 */
function bodySchema(schema: Schema): Schema {
  let made = bodySchemas.get(schema);
  if (made === undefined) {
    const { metadata: _, status, ...rest } = schema.properties ?? {};
    const builtin = schema.definition !== undefined;
    const properties = builtin || status === undefined ? rest : { ...rest, status };
    const required = schema.required?.filter((name) => name !== 'metadata');
    made = {
      ...schema,
      properties,
      ...(required === undefined ? {} : { required }),
      ...(schema.definition === undefined ? {} : { definition: schema.definition }),
      type: 'object',
    };
    bodySchemas.set(schema, made);
  }
  return made;
}

function body(object: KubeObject): Record<string, unknown> {
  const { metadata: _, ...rest } = object;
  return rest;
}
