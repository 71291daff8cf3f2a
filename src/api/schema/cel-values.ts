import { createRequire } from 'node:module';
import type { Environment } from '@marcbachmann/cel-js';
import type * as Cel from '@marcbachmann/cel-js';
import type { Schema } from '../schema.ts';

type CelLibrary = typeof Cel;

const load = createRequire(import.meta.url);
let environment: Environment | undefined;

/** Kubernetes' limits on how much a rule may be; an expression beyond them does not compile. */
const limits = { maxAstNodes: 20_000, maxDepth: 100, maxCallArguments: 32 };

/**
 * The environment that rules run in: `self` and `oldSelf`, CEL's standard library, and those
 * functions of Kubernetes' own library that the CEL library lacks.
 */
export function celEnvironment(): Environment {
  if (environment === undefined) {
    const library = load('@marcbachmann/cel-js') as CelLibrary;
    environment = new library.Environment({
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
      limits,
    })
      .registerVariable('self', 'dyn')
      .registerVariable('oldSelf', 'dyn');
    registerKubernetesLibrary(environment);
  }
  return environment;
}

/** The words of an error of the CEL library, without its drawing of the source. */
export function celSummary(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'summary' in error) {
    return String(error.summary);
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * A JSON value as CEL sees it by its schema: integers as int, date-times as timestamp, byte strings
 * as bytes, names of fields escaped (`a-b` → `a__dash__b`), keys of maps as they are.
 */
export function toCel(schema: Schema, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') {
    return schema.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (typeof value === 'string') return textToCel(schema, value);
  if (typeof value !== 'object') return value;
  return Array.isArray(value)
    ? value.map((item: unknown) => toCel(schema.items ?? {}, item))
    : objectToCel(schema, value as Record<string, unknown>);
}

function textToCel(schema: Schema, value: string): unknown {
  if (schema.format === 'date-time' || schema.format === 'date') return new Date(value);
  if (schema.format === 'byte') return new Uint8Array(Buffer.from(value, 'base64'));
  return value;
}

function objectToCel(schema: Schema, value: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) {
      out[escapeField(key)] = toCel(schema.properties[key] ?? {}, member);
    } else if (typeof schema.additionalProperties === 'object') {
      out[key] = toCel(schema.additionalProperties, member);
    } else out[key] = toCel({}, member);
  }
  return out;
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A field's name as an identifier of CEL, by the rules of apiextensions. */
export function escapeField(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  if (/^\w+$/.test(name) && !name.includes('__')) return name;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

type Comparable = bigint | number | string;

function registerKubernetesLibrary(target: Environment): void {
  const sorted = (list: readonly Comparable[]): boolean =>
    list.every((item, i) => i === 0 || (list[i - 1] as Comparable) <= item);
  const extreme = (
    list: readonly Comparable[],
    better: (a: Comparable, b: Comparable) => boolean,
  ) => {
    if (list.length === 0) throw new Error('min/max called on empty list');
    return list.reduce((best, item) => (better(item, best) ? item : best));
  };
  const total = (list: readonly (bigint | number)[]): bigint | number =>
    typeof list[0] === 'number'
      ? (list as readonly number[]).reduce((sum, item) => sum + item, 0)
      : (list as readonly bigint[]).reduce((sum, item) => sum + item, 0n);
  target
    .registerFunction('list.isSorted(): bool', sorted)
    .registerFunction('list.sum(): dyn', total)
    .registerFunction('list.min(): dyn', (list: readonly Comparable[]) =>
      extreme(list, (a, b) => a < b),
    )
    .registerFunction('list.max(): dyn', (list: readonly Comparable[]) =>
      extreme(list, (a, b) => a > b),
    )
    .registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      BigInt(list.indexOf(item)),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      BigInt(list.lastIndexOf(item)),
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      [...text.matchAll(new RegExp(pattern, 'g'))].map((match) => match[0]),
    )
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, a: string, b: string) => text.replaceAll(a, b),
    );
}
