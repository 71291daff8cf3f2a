import type { StatusCause } from '../object.ts';
import { compileProblem } from '../schema/cel-rules.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { fieldError } from '../schema/field-error.ts';
import { fromJsonSchema, type JsonSchema } from '../schema/json-schema.ts';
import { pruneUnknown } from '../schema/prune.ts';
import { patternRegExp, validateValue } from '../schema/validate-value.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Deeper schemas are refused, so that walking one cannot exhaust the stack. */
const maxDepth = 100;

interface Place {
  readonly path: string;
  readonly depth: number;
  /** What the node is, in upstream's words, for a missing type. */
  readonly role: string;
}

/**
 * What keeps a schema of a CRD from being structural, and rules, patterns and defaults in it that
 * cannot work. `path` is that of the schema in the CRD.
 */
export function validateStructural(schema: JsonSchema, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  if (schema.type === undefined || schema.type === '') {
    causes.push(fieldError.required(`${path}.type`, 'must not be empty at the root'));
  } else if (schema.type !== 'object') {
    causes.push(fieldError.invalid(`${path}.type`, schema.type, 'must be object at the root'));
  }
  if (schema.nullable === true) {
    causes.push(fieldError.forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  }
  walk(schema, { path, depth: 0, role: 'at the root' }, causes);
  // Defaults are checked against the schema, so the schema must stand.
  if (causes.length === 0) validateDefaults(schema, path, causes);
  return causes;
}

function walk(schema: JsonSchema, place: Place, causes: StatusCause[]): void {
  const { path, depth, role } = place;
  if (depth > maxDepth) {
    causes.push(
      fieldError.forbidden(path, `schemas may not be nested more than ${maxDepth} levels`),
    );
    return;
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    causes.push(fieldError.invalid(path, schema, 'must be a schema'));
    return;
  }
  if (schema.$ref !== undefined) {
    causes.push(fieldError.forbidden(`${path}.$ref`, '$ref is not supported'));
    return;
  }
  validateType(schema, path, role, causes);
  validateExtensions(schema, path, causes);
  const down = (inner: JsonSchema, below: string, innerRole: string): void =>
    walk(inner, { path: `${path}.${below}`, depth: depth + 1, role: innerRole }, causes);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    down(property, `properties[${name}]`, 'for specified object fields');
  }
  if (schema.items !== undefined) down(schema.items, 'items', 'for specified array items');
  if (typeof schema.additionalProperties === 'object') {
    down(schema.additionalProperties, 'additionalProperties', 'for specified object fields');
  }
  for (const list of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [i, inner] of (schema[list] ?? []).entries()) {
      validateLogic(inner, `${path}.${list}[${i}]`, schema, causes);
    }
  }
  if (schema.not !== undefined) validateLogic(schema.not, `${path}.not`, schema, causes);
}

function validateType(schema: JsonSchema, path: string, role: string, causes: StatusCause[]): void {
  const { type = '' } = schema;
  const free =
    schema['x-kubernetes-int-or-string'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === '' && !free && role !== 'at the root') {
    causes.push(fieldError.required(`${path}.type`, `must not be empty ${role}`));
  } else if (type !== '' && !types.includes(type)) {
    causes.push(fieldError.notSupported(`${path}.type`, type, types));
  }
  if (type === 'array' && schema.items === undefined) {
    causes.push(fieldError.required(`${path}.items`, 'must be specified'));
  }
  if (schema.additionalProperties !== undefined && !isSchemaOrBool(schema.additionalProperties)) {
    const detail = 'must be a schema or a boolean';
    causes.push(
      fieldError.invalid(`${path}.additionalProperties`, schema.additionalProperties, detail),
    );
  } else if (schema.additionalProperties === false) {
    causes.push(fieldError.forbidden(`${path}.additionalProperties`, 'must not be false'));
  } else if (schema.additionalProperties !== undefined && schema.properties !== undefined) {
    const detail = 'additionalProperties and properties are mutual exclusive';
    causes.push(fieldError.forbidden(`${path}.additionalProperties`, detail));
  }
  if (schema.uniqueItems === true) {
    const detail =
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    causes.push(fieldError.forbidden(`${path}.uniqueItems`, detail));
  }
  if (schema.pattern !== undefined) validatePattern(schema.pattern, `${path}.pattern`, causes);
}

/** JSONSchemaPropsOrBool is free-form to the CRD's own schema. */
function isSchemaOrBool(value: unknown): boolean {
  return typeof value === 'boolean' || typeof value === 'object';
}

function validatePattern(pattern: string, path: string, causes: StatusCause[]): void {
  try {
    patternRegExp(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    causes.push(
      fieldError.invalid(path, pattern, `must be a valid regular expression, but isn't: ${why}`),
    );
  }
}

function validateExtensions(schema: JsonSchema, path: string, causes: StatusCause[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (listType !== undefined) {
    if (schema.type !== 'array') {
      const detail = 'must be array if x-kubernetes-list-type is specified';
      causes.push(fieldError.invalid(`${path}.type`, schema.type ?? '', detail));
    }
    if (!['atomic', 'set', 'map'].includes(listType)) {
      const at = `${path}.x-kubernetes-list-type`;
      causes.push(fieldError.notSupported(at, listType, ['atomic', 'set', 'map']));
    }
  }
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (listType === 'map' && keys.length === 0) {
    const detail = 'must not be empty if x-kubernetes-list-type is map';
    causes.push(fieldError.required(keysPath, detail));
  } else if (listType !== 'map' && keys.length > 0) {
    const at = `${path}.x-kubernetes-list-type`;
    causes.push(
      fieldError.invalid(
        at,
        listType ?? '',
        'must be map if x-kubernetes-list-map-keys is non-empty',
      ),
    );
  }
  for (const [i, key] of keys.entries()) {
    const property = schema.items?.properties?.[key];
    const named = property !== undefined;
    const fixed = schema.items?.required?.includes(key) === true || property?.default !== undefined;
    if (!named || !fixed) {
      const detail = named
        ? 'must be required or have a default'
        : 'entries must all be names of item properties';
      causes.push(fieldError.invalid(`${keysPath}[${i}]`, key, detail));
    }
  }
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    if ((rule.rule ?? '').trim() === '') {
      causes.push(fieldError.required(`${at}.rule`, 'rule is not specified'));
      continue;
    }
    const { rule: source, messageExpression } = rule;
    const problem = compileProblem(source, 'bool', schema);
    if (problem !== undefined) causes.push(fieldError.invalid(`${at}.rule`, source, problem));
    if (messageExpression === undefined) continue;
    const messageProblem = compileProblem(messageExpression, 'string', schema);
    if (messageProblem !== undefined) {
      const field = `${at}.messageExpression`;
      causes.push(fieldError.invalid(field, messageExpression, messageProblem));
    }
  }
}

const structuralOnly = [
  'type',
  'default',
  'description',
  'nullable',
  'additionalProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

/** Inside allOf, anyOf, oneOf and not a schema may only say more about what is specified outside. */
function validateLogic(
  schema: JsonSchema,
  path: string,
  outside: JsonSchema,
  causes: StatusCause[],
): void {
  const intOrString = outside['x-kubernetes-int-or-string'] === true;
  for (const member of structuralOnly) {
    if (schema[member] === undefined || (member === 'type' && intOrString)) continue;
    causes.push(fieldError.forbidden(`${path}.${member}`, 'must be empty to be structural'));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const known = outside.properties?.[name];
    if (known === undefined && outside['x-kubernetes-preserve-unknown-fields'] !== true) {
      const at = `${path.replace(/\.(allOf|anyOf|oneOf)\[\d+\]$|\.not$/, '')}.properties[${name}]`;
      const detail = `because it is defined in ${path}.properties[${name}]`;
      causes.push(fieldError.required(at, detail));
    } else validateLogic(property, `${path}.properties[${name}]`, known ?? {}, causes);
  }
  if (schema.items !== undefined) {
    validateLogic(schema.items, `${path}.items`, outside.items ?? {}, causes);
  }
  for (const list of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [i, inner] of (schema[list] ?? []).entries()) {
      validateLogic(inner, `${path}.${list}[${i}]`, outside, causes);
    }
  }
  if (schema.not !== undefined) validateLogic(schema.not, `${path}.not`, outside, causes);
}

/** Each default must be what the schema would make of it: known fields only, and valid. */
function validateDefaults(schema: JsonSchema, path: string, causes: StatusCause[]): void {
  if (schema.default !== undefined && schema.default !== null) {
    const at = `${path}.default`;
    const tree = fromJsonSchema(schema, () => ({}));
    const { unknown } = pruneUnknown(tree, schema.default);
    if (unknown.length > 0) {
      const detail = `must not have unknown fields: ${unknown.join(', ')}`;
      causes.push(fieldError.invalid(at, schema.default, detail));
    }
    const value = applyDefaults(tree, schema.default);
    for (const cause of validateValue(tree, value, { path: '', old: undefined })) {
      causes.push({ ...cause, field: cause.field ? `${at}.${cause.field}` : at });
    }
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    validateDefaults(property, `${path}.properties[${name}]`, causes);
  }
  if (schema.items !== undefined) validateDefaults(schema.items, `${path}.items`, causes);
  if (typeof schema.additionalProperties === 'object') {
    validateDefaults(schema.additionalProperties, `${path}.additionalProperties`, causes);
  }
}
