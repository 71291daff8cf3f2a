import { jsonEqual } from '../schema/json-equal.ts';

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number | undefined }
  | { readonly kind: 'all' }
  | {
      readonly kind: 'filter';
      readonly path: readonly Step[];
      readonly test: { readonly comparison: Comparison; readonly literal: unknown } | undefined;
    };

/** A JSONPath of the kind that CRDs have in their printer columns. */
export interface JsonPath {
  /** The values found, in order; none where the path leads nowhere. */
  find(root: unknown): readonly unknown[];
}

/**
 * Parses a path such as `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.items[0]['a.b']`, `.list[*]`, `.list[-1:]`; braces around it are allowed, as kubectl has them.
 *
 * Throws a SyntaxError that names what cannot be read.
 */
export function parseJsonPath(text: string): JsonPath {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  const steps = parseSteps(inner.startsWith('$') ? inner.slice(1) : inner, text);
  return { find: (root) => walk(steps, [root]) };
}

const memberPattern = /^\.((?:\\.|[^.[\]\\*])+)/;
const bracketPatterns: readonly (readonly [RegExp, (match: RegExpExecArray) => Step])[] = [
  [/^(?:\.\*|\[\*\])/, () => ({ kind: 'all' })],
  [/^\[(-?\d+)\]/, (match) => ({ kind: 'index', index: Number(match[1]) })],
  [
    /^\[(-?\d*):(-?\d*)\]/,
    (match) => ({
      kind: 'slice',
      from: Number(match[1] ?? 0),
      to: match[2] === '' ? undefined : Number(match[2]),
    }),
  ],
  [
    /^\[(?:'([^']*)'|"([^"]*)")\]/,
    (match) => ({ kind: 'member', name: match[1] ?? match[2] ?? '' }),
  ],
];
const filterPattern =
  /^\[\?\(\s*@((?:[^"'()=!<>]|\['[^']*'\])*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.*?))?\s*\)\]/;

function parseSteps(path: string, whole: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const [step, length] = parseStep(rest, whole);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function parseStep(rest: string, whole: string): readonly [Step, number] {
  for (const [pattern, make] of bracketPatterns) {
    const match = pattern.exec(rest);
    if (match !== null) return [make(match), match[0].length];
  }
  const member = memberPattern.exec(rest);
  if (member !== null) {
    const name = (member[1] ?? '').replaceAll(/\\(.)/g, '$1');
    return [{ kind: 'member', name }, member[0].length];
  }
  const filter = filterPattern.exec(rest);
  if (filter !== null) {
    const [all, path = '', comparison, literal = ''] = filter;
    const test =
      comparison === undefined
        ? undefined
        : { comparison: comparison as Comparison, literal: parseLiteral(literal, whole) };
    return [{ kind: 'filter', path: parseSteps(path, whole), test }, all.length];
  }
  throw new SyntaxError(`Cannot read JSONPath "${whole}" at "${rest}"`);
}

function parseLiteral(text: string, whole: string): unknown {
  const quoted = /^'(.*)'$|^"(.*)"$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`Cannot read JSONPath "${whole}" at "${text}"`, { cause });
  }
}

function walk(steps: readonly Step[], roots: readonly unknown[]): readonly unknown[] {
  let values = roots;
  for (const step of steps) values = values.flatMap((value) => take(step, value));
  return values;
}

function take(step: Step, value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  switch (step.kind) {
    case 'member':
      return !Array.isArray(value) && Object.hasOwn(value, step.name)
        ? [(value as Record<string, unknown>)[step.name]]
        : [];
    case 'index': {
      const index = step.index < 0 ? list.length + step.index : step.index;
      return index in list ? [list[index]] : [];
    }
    case 'slice':
      return list.slice(step.from, step.to);
    case 'all':
      return Array.isArray(value) ? list : Object.values(value);
    case 'filter':
      return list.filter((item) => passes(step.path, step.test, item));
    default:
      return step satisfies never;
  }
}

function passes(
  path: readonly Step[],
  test: { readonly comparison: Comparison; readonly literal: unknown } | undefined,
  item: unknown,
): boolean {
  const found = walk(path, [item]);
  if (test === undefined || found.length === 0) return test === undefined && found.length > 0;
  const [value] = found;
  const { comparison, literal } = test;
  if (comparison === '==') return jsonEqual(value, literal);
  if (comparison === '!=') return !jsonEqual(value, literal);
  const comparable =
    (typeof value === 'number' && typeof literal === 'number') ||
    (typeof value === 'string' && typeof literal === 'string');
  if (!comparable) return false;
  switch (comparison) {
    case '<':
      return value < literal;
    case '<=':
      return value <= literal;
    case '>':
      return value > literal;
    case '>=':
      return value >= literal;
    default:
      return comparison satisfies never;
  }
}
