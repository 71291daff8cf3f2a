import { StatusError } from '../status-error.ts';
import { labelValueErrors, qualifiedNameErrors } from '../validation-names.ts';

/** The operators of label selectors, in upstream's spelling of their text form. */
export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

/** One condition on one label; values are sorted and unique. */
export interface Requirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** Checks and makes a requirement; throws a StatusError 400 in upstream's words behind `prefix`. */
export function newRequirement(requirement: Requirement, prefix = ''): Requirement {
  const errors = [...keyErrors(requirement), ...valueCountErrors(requirement)];
  for (const [index, value] of requirement.values.entries()) {
    const broken = labelValueErrors(value);
    if (broken.length > 0) {
      errors.push(
        invalid(`values[${index}][${requirement.key}]`, quoted(value), broken.join('; ')),
      );
    }
  }
  if (errors.length === 0) return requirement;
  const unique = [...new Set(errors)];
  throw badSelector(prefix + (unique.length === 1 ? unique.join('') : `[${unique.join(', ')}]`));
}

/** True when the labels satisfy the requirement. */
export function satisfies(requirement: Requirement, labels: Labels): boolean {
  const { key, operator, values } = requirement;
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      break;
  }
  return value !== undefined && compares(operator, value, values[0]);
}

/** The canonical text of one requirement. */
export function requirementText({ key, operator, values }: Requirement): string {
  switch (operator) {
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${values.join(',')}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'gt':
    case 'lt':
      break;
  }
  return `${key}${operator === 'gt' ? '>' : '<'}${values.join(',')}`;
}

/** The error that a selector with a mistake is refused with. */
export function badSelector(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** A field error's text, as `Invalid value: "x": must …` behind its path, if it has one. */
export function invalid(path: string, value: string, detail: string): string {
  return `${path === '' ? '<nil>' : path}: Invalid value: ${value}: ${detail}`;
}

export function quoted(value: string): string {
  return JSON.stringify(value);
}

function keyErrors({ key }: Requirement): string[] {
  const broken = qualifiedNameErrors(key);
  return broken.length === 0 ? [] : [invalid('key', quoted(key), broken.join('; '))];
}

function valueCountErrors({ operator, values }: Requirement): string[] {
  const list = JSON.stringify(values);
  switch (operator) {
    case 'in':
    case 'notin':
      if (values.length > 0) return [];
      return [invalid('values', list, "for 'in', 'notin' operators, values set can't be empty")];
    case '=':
    case '==':
    case '!=':
      if (values.length === 1) return [];
      return [invalid('values', list, 'exact-match compatibility requires one single value')];
    case 'exists':
    case '!':
      if (values.length === 0) return [];
      return [invalid('values', list, 'values set must be empty for exists and does not exist')];
    case 'gt':
    case 'lt':
      break;
  }
  return integerErrors(values, list);
}

function integerErrors(values: readonly string[], list: string): string[] {
  const errors: string[] = [];
  if (values.length !== 1) {
    errors.push(invalid('values', list, "for 'Gt', 'Lt' operators, exactly one value is required"));
  }
  for (const [index, value] of values.entries()) {
    if (integer(value) === undefined) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      errors.push(invalid(`values[${index}]`, quoted(value), detail));
    }
  }
  return errors;
}

function compares(operator: 'gt' | 'lt', label: string, limit: string | undefined): boolean {
  const left = integer(label);
  const right = limit === undefined ? undefined : integer(limit);
  if (left === undefined || right === undefined) return false;
  return operator === 'gt' ? left > right : left < right;
}

const maxInt64 = 2n ** 63n;

/** A decimal integer of 64 bits, as Go's strconv.ParseInt takes it. */
function integer(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,32}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return value >= -maxInt64 && value < maxInt64 ? value : undefined;
}
