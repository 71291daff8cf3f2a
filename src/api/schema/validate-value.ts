import type { StatusCause } from '../object.ts';
import type { Schema } from '../schema.ts';
import { child, fieldError } from './field-error.ts';
import { hasFormat } from './formats.ts';
import { jsonEqual } from './json-equal.ts';

/** More causes than this say nothing more to anyone, and cost memory that the sender decides on. */
const causeLimit = 100;

/** Where a walk over a value stands. */
interface Place {
  readonly path: string;
  /** What stood here before the update; undefined on a create and where nothing did. */
  readonly old: unknown;
}

/**
 * What is wrong with a value by its schema alone (no CEL), in the words of kube-openapi's validator.
 *
 * With `old`, what has not changed is not looked at again (CRD validation ratcheting), so that an
 * object that became invalid by a new schema can still be updated elsewhere. In types of Kubernetes'
 * own an empty string does not satisfy `required`, as in upstream's validation.
 */
export function validateValue(
  schema: Schema,
  value: unknown,
  place: Place,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  validate(schema, value, place, causes);
  return causes.slice(0, causeLimit);
}

function validate(schema: Schema, value: unknown, place: Place, causes: StatusCause[]): void {
  if (causes.length >= causeLimit) return;
  if (place.old !== undefined && jsonEqual(value, place.old)) return;
  const { path } = place;
  if (value === null) {
    if (schema.nullable !== true && schema.type !== undefined) {
      causes.push(typeError(path, schema.type, 'null'));
    }
    return;
  }
  const actual = typeOf(value);
  const expected = schema.intOrString === true ? 'integer,string' : schema.type;
  if (expected !== undefined && !fits(schema, expected, actual)) {
    causes.push(typeError(path, expected, actual));
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => jsonEqual(one, value))) {
    causes.push(fieldError.notSupported(path, value, schema.enum));
  }
  if (typeof value === 'string') validateString(schema, value, path, causes);
  else if (typeof value === 'number') validateNumber(schema, value, path, causes);
  else if (Array.isArray(value)) validateArray(schema, value, place, causes);
  else if (typeof value === 'object') {
    validateObjectValue(schema, value as Record<string, unknown>, place, causes);
  }
  validateLogic(schema, value, path, causes);
}

function fits(schema: Schema, expected: string, actual: string): boolean {
  if (schema.intOrString === true) {
    // A Quantity may be any number; IntOrString has its format, and a CRD's has none but no definition.
    const anyNumber = schema.definition !== undefined && schema.format === undefined;
    return actual === 'integer' || actual === 'string' || (anyNumber && actual === 'number');
  }
  return actual === expected || (expected === 'number' && actual === 'integer');
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeError(path: string, expected: string, actual: string): StatusCause {
  const detail = `${path} in body must be of type ${expected}: "${actual}"`;
  return fieldError.typeInvalid(path, actual, detail);
}

function should(path: string, value: unknown, what: string): StatusCause {
  return fieldError.invalid(path, value, `${path} in body should ${what}`);
}

function validateString(schema: Schema, value: string, path: string, causes: StatusCause[]): void {
  const { minLength, maxLength, pattern, format } = schema;
  if (minLength !== undefined || maxLength !== undefined) {
    const length = codePoints(value);
    if (maxLength !== undefined && length > maxLength) {
      causes.push(fieldError.tooLong(path, maxLength));
    }
    if (minLength !== undefined && length < minLength) {
      causes.push(should(path, value, `be at least ${minLength} chars long`));
    }
  }
  if (pattern !== undefined && !compilePattern(pattern).test(value)) {
    causes.push(should(path, value, `match '${pattern}'`));
  }
  if (format !== undefined && !hasFormat(format, value)) {
    const detail = `${path} in body must be of type ${format}: ${JSON.stringify(value)}`;
    causes.push(fieldError.typeInvalid(path, value, detail));
  }
}

function codePoints(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

const patterns = new Map<string, RegExp>();
const patternCacheLimit = 1000;

function compilePattern(pattern: string): RegExp {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    if (patterns.size >= patternCacheLimit) patterns.clear();
    compiled = patternRegExp(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/** The pattern of a schema (Go's RE2) as a RegExp; throws a SyntaxError for what neither reads. */
export function patternRegExp(pattern: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const source = flags === null ? pattern : pattern.slice(flags[0].length);
  const translated = source.replaceAll('(?P<', '(?<').replaceAll('\\A', '^').replaceAll('\\z', '$');
  try {
    return new RegExp(translated, `u${flags?.[1] ?? ''}`);
  } catch {
    return new RegExp(translated, flags?.[1] ?? '');
  }
}

function validateNumber(schema: Schema, value: number, path: string, causes: StatusCause[]): void {
  const { minimum, maximum, multipleOf, format } = schema;
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum) {
      causes.push(should(path, value, `be less than ${maximum}`));
    } else if (value > maximum) {
      causes.push(should(path, value, `be less than or equal to ${maximum}`));
    }
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum) {
      causes.push(should(path, value, `be greater than ${minimum}`));
    } else if (value < minimum) {
      causes.push(should(path, value, `be greater than or equal to ${minimum}`));
    }
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    causes.push(should(path, value, `be a multiple of ${multipleOf}`));
  }
  if (format === 'int32' && (value | 0) !== value) {
    causes.push(typeError(path, 'int32', Number.isInteger(value) ? 'int64' : 'number'));
  }
}

function validateArray(
  schema: Schema,
  value: readonly unknown[],
  place: Place,
  causes: StatusCause[],
): void {
  const { path } = place;
  const { minItems, maxItems, items } = schema;
  if (maxItems !== undefined && value.length > maxItems) {
    causes.push(fieldError.tooMany(path, value.length, maxItems));
    return;
  }
  if (minItems !== undefined && value.length < minItems) {
    const detail = `have at least ${minItems} items`;
    causes.push(should(path, value.length, detail));
  }
  if (items !== undefined) {
    const oldItem = oldItems(schema, place.old);
    for (let i = 0; i < value.length; i++) {
      validate(items, value[i], { path: `${path}[${i}]`, old: oldItem(value[i]) }, causes);
    }
  }
  if (schema.definition === undefined) validateUnique(schema, value, path, causes);
}

/** The item of the old list that an item is to be compared with: by its keys, in a map list. */
function oldItems(schema: Schema, old: unknown): (item: unknown) => unknown {
  if (schema.listType !== 'map' || !Array.isArray(old)) return () => undefined;
  const byKey = new Map(old.map((item: unknown) => [listMapKey(schema, item), item]));
  return (item) => byKey.get(listMapKey(schema, item));
}

/** The values of an item's x-kubernetes-list-map-keys, as JSON. */
export function listMapKey(schema: Schema, item: unknown): string {
  const keys: Record<string, unknown> = {};
  if (typeof item === 'object' && item !== null) {
    for (const key of schema.listMapKeys ?? []) {
      keys[key] =
        (item as Record<string, unknown>)[key] ?? schema.items?.properties?.[key]?.default;
    }
  }
  return JSON.stringify(keys);
}

function validateUnique(
  schema: Schema,
  value: readonly unknown[],
  path: string,
  causes: StatusCause[],
): void {
  if (schema.items?.definition !== undefined) return;
  const byKeys = schema.listType === 'map';
  if (!byKeys && schema.listType !== 'set' && schema.uniqueItems !== true) return;
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    const key = byKeys ? listMapKey(schema, item) : canonical(item);
    if (seen.has(key)) causes.push(fieldError.duplicate(`${path}[${i}]`, JSON.parse(key)));
    seen.add(key);
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function validateObjectValue(
  schema: Schema,
  value: Record<string, unknown>,
  place: Place,
  causes: StatusCause[],
): void {
  const { path } = place;
  const { properties, additionalProperties, required, minProperties, maxProperties } = schema;
  const keys = Object.keys(value);
  if (maxProperties !== undefined && keys.length > maxProperties) {
    causes.push(fieldError.tooMany(path, keys.length, maxProperties));
    return;
  }
  if (minProperties !== undefined && keys.length < minProperties) {
    causes.push(should(path, value, `have at least ${minProperties} properties`));
  }
  for (const key of required ?? []) {
    const member = value[key];
    const missing = !Object.hasOwn(value, key) || member === undefined;
    const blank =
      schema.definition !== undefined && member === '' && !hasDefault(properties?.[key]);
    if (missing || blank) causes.push(fieldError.required(child(path, key)));
  }
  const old = (typeof place.old === 'object' ? place.old : undefined) as
    | Record<string, unknown>
    | undefined;
  for (const key of keys) {
    const known = properties !== undefined && Object.hasOwn(properties, key);
    const inner = known ? properties[key] : additionalProperties;
    if (typeof inner !== 'object' || value[key] === undefined) continue;
    validate(inner, value[key], { path: child(path, key), old: old?.[key] }, causes);
  }
}

function hasDefault(schema: Schema | undefined): boolean {
  return schema?.default !== undefined;
}

function validateLogic(schema: Schema, value: unknown, path: string, causes: StatusCause[]): void {
  const { allOf, anyOf, oneOf, not } = schema;
  if (allOf === undefined && anyOf === undefined && oneOf === undefined && not === undefined)
    return;
  const matches = (one: Schema): boolean => {
    const found: StatusCause[] = [];
    validate(one, value, { path, old: undefined }, found);
    return found.length === 0;
  };
  const fail = (what: string): void => {
    causes.push(fieldError.invalid(path, '', `"${path}" must ${what}`));
  };
  if (allOf !== undefined && !allOf.every(matches)) {
    for (const one of allOf) validate(one, value, { path, old: undefined }, causes);
    fail('validate all the schemas (allOf)');
  }
  if (anyOf !== undefined && !anyOf.some(matches)) {
    fail('validate at least one schema (anyOf)');
  }
  if (oneOf !== undefined) {
    const count = oneOf.filter(matches).length;
    if (count !== 1) {
      const found = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
      fail(`validate one and only one schema (oneOf). ${found}`);
    }
  }
  if (not !== undefined && matches(not)) fail('not validate the schema (not)');
}
