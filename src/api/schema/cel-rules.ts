/**
 * The rules of x-kubernetes-validations, in CEL.
 *
 * The CEL library is loaded when the first rule is compiled: most processes never need it. It is an
 * ES module, which `require` loads synchronously, so that validation stays synchronous.
 *
 * Invariants:
 * 1. A rule is compiled once; the program lives as long as the schema that holds the rule.
 * 2. A rule that reads `oldSelf` is a transition rule: it runs only where there is an old value,
 *    unless it asks for optionalOldSelf.
 * 3. Of a value that an update has not changed only transition rules are asked (ratcheting).
 * 4. A rule that fails while it runs counts as broken: what it guards is refused.
 */
import type { KubeObject, StatusCause } from '../object.ts';
import type { Schema, ValidationRule } from '../schema.ts';
import { celEnvironment, celSummary, toCel } from './cel-values.ts';
import { undefinedField } from './cel-fields.ts';
import { child, fieldError } from './field-error.ts';
import { jsonEqual } from './json-equal.ts';
import type { JsonSchema } from './json-schema.ts';
import { listMapKey } from './validate-value.ts';

interface Program {
  readonly run: (self: unknown, oldSelf: unknown) => unknown;
  readonly message: ((self: unknown, oldSelf: unknown) => unknown) | undefined;
}

const programs = new WeakMap<ValidationRule, Program>();
const ruleHolders = new WeakMap<Schema, boolean>();
const maxMessageLength = 5 * 1024;

/**
 * Why a rule, or its messageExpression, does not compile against the schema that it stands in; undefined
 * if it does.
 */
export function compileProblem(
  source: string,
  wanted: 'bool' | 'string',
  schema: JsonSchema,
): string | undefined {
  try {
    const parsed = celEnvironment().parse(source);
    const check = parsed.check();
    if (!check.valid) return `compilation failed: ${celSummary(check.error)}`;
    const field = undefinedField(parsed.ast, schema);
    if (field !== undefined) return `compilation failed: undefined field '${field}'`;
    if (check.type === wanted || check.type === 'dyn') return undefined;
    return wanted === 'bool'
      ? 'cel expression must evaluate to a bool'
      : 'messageExpression must evaluate to a string';
  } catch (error) {
    return `compilation failed: ${celSummary(error)}`;
  }
}

/** The causes of all rules of a schema that an object breaks. `old` is the object before an update. */
export function evaluateRules(
  schema: Schema,
  object: KubeObject,
  old: KubeObject | undefined,
): readonly StatusCause[] {
  if (!holdsRules(schema)) return [];
  const causes: StatusCause[] = [];
  evaluate(schema, { value: object, old, path: '' }, causes);
  return causes;
}

interface Place {
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

function evaluate(schema: Schema, place: Place, causes: StatusCause[]): void {
  const { value, old, path } = place;
  if (value === undefined || value === null || !holdsRules(schema)) return;
  const same = old !== undefined && jsonEqual(value, old);
  for (const rule of schema.rules ?? []) {
    if (!same || usesOldSelf(rule)) causes.push(...evaluateRule(schema, rule, place));
  }
  if (Array.isArray(value)) {
    if (schema.items !== undefined) evaluateItems(schema, schema.items, place, causes);
    return;
  }
  if (typeof value !== 'object') return;
  const members = value as Record<string, unknown>;
  const oldMembers = (typeof old === 'object' ? old : undefined) as typeof members | undefined;
  for (const key of Object.keys(members)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const inner = known ? schema.properties[key] : schema.additionalProperties;
    if (typeof inner !== 'object') continue;
    evaluate(
      inner,
      { value: members[key], old: oldMembers?.[key], path: child(path, key) },
      causes,
    );
  }
}

/** Old and new items belong together by their keys in a map list, and not at all in other lists. */
function evaluateItems(schema: Schema, items: Schema, place: Place, causes: StatusCause[]): void {
  const { value, old, path } = place;
  const before = new Map<string, unknown>();
  if (schema.listType === 'map' && Array.isArray(old)) {
    for (const item of old as unknown[]) before.set(listMapKey(schema, item), item);
  }
  for (const [i, item] of (value as unknown[]).entries()) {
    const oldItem = before.size === 0 ? undefined : before.get(listMapKey(schema, item));
    evaluate(items, { value: item, old: oldItem, path: `${path}[${i}]` }, causes);
  }
}

function evaluateRule(schema: Schema, rule: ValidationRule, place: Place): readonly StatusCause[] {
  const hasOld = place.old !== undefined && place.old !== null;
  if (usesOldSelf(rule) && !hasOld && rule.optionalOldSelf !== true) return [];
  const program = compile(rule);
  const self = toCel(schema, place.value);
  const oldSelf = hasOld ? toCel(schema, place.old) : undefined;
  const fallback = rule.message ?? `failed rule: ${rule.rule.trim()}`;
  const field =
    rule.fieldPath === undefined ? place.path : joinFieldPath(place.path, rule.fieldPath);
  const shown = schema.type ?? 'object';
  try {
    if (program.run(self, oldSelf) === true) return [];
  } catch (error) {
    const detail = `${celSummary(error)} evaluating rule: ${fallback}`;
    return [fieldError.invalid(field, shown, detail)];
  }
  const message = ownMessage(program, self, oldSelf) ?? fallback;
  return [brokenRule(rule, field, shown, message)];
}

function brokenRule(
  rule: ValidationRule,
  field: string,
  shown: string,
  message: string,
): StatusCause {
  if (rule.reason === 'FieldValueRequired') return fieldError.required(field, message);
  if (rule.reason === 'FieldValueForbidden') return fieldError.forbidden(field, message);
  if (rule.reason === 'FieldValueDuplicate') return fieldError.duplicate(field, shown);
  return fieldError.invalid(field, shown, message);
}

/** The text of messageExpression; undefined where it fails, is empty or has more than one line. */
function ownMessage(program: Program, self: unknown, oldSelf: unknown): string | undefined {
  if (program.message === undefined) return undefined;
  try {
    const text = program.message(self, oldSelf);
    if (typeof text !== 'string' || text.trim() === '' || text.includes('\n')) return undefined;
    return text.slice(0, maxMessageLength);
  } catch {
    return undefined;
  }
}

/** A fieldPath (`.max`, `['a.b']`) below the path of its rule. */
function joinFieldPath(path: string, fieldPath: string): string {
  const joined = `${path}${fieldPath.replaceAll(/\['([^']*)'\]/g, '[$1]')}`;
  return joined.startsWith('.') ? joined.slice(1) : joined;
}

function usesOldSelf({ rule }: ValidationRule): boolean {
  return /\boldSelf\b/.test(rule);
}

function compile(rule: ValidationRule): Program {
  let program = programs.get(rule);
  if (program === undefined) {
    const environment = celEnvironment();
    const run = environment.parse(rule.rule);
    const expression = rule.messageExpression;
    const message = expression === undefined ? undefined : environment.parse(expression);
    program = {
      run: (self, oldSelf) => run({ self, oldSelf }),
      message: message && ((self, oldSelf) => message({ self, oldSelf })),
    };
    programs.set(rule, program);
  }
  return program;
}

/** True when the schema or anything inside of it has rules; types of Kubernetes' own have none. */
function holdsRules(schema: Schema): boolean {
  if (schema.definition !== undefined) return false;
  let holds = ruleHolders.get(schema);
  if (holds === undefined) {
    const inner = Object.values(schema.properties ?? {});
    if (schema.items !== undefined) inner.push(schema.items);
    if (typeof schema.additionalProperties === 'object') inner.push(schema.additionalProperties);
    holds = (schema.rules?.length ?? 0) > 0 || inner.some(holdsRules);
    ruleHolders.set(schema, holds);
  }
  return holds;
}
