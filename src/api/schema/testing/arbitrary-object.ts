import * as fc from 'fast-check';
import type { Schema } from '../../schema.ts';

/** Texts that rules look at: names, paths, quantities, times, and none of these. */
const texts = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'a-b', 'A b', '/x', '../x', '1Gi', 'Always', 'In', 'v1'),
  },
);
const numbers = fc.constantFrom(-1, 0, 1, 80, 70_000);

/** JSON of the types that a schema has, with members left out at will and at most `depth` levels. */
export function objectsOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (schema.intOrString === true) return fc.constantFrom<unknown>(1, '1', '500m');
  if (schema.preserveUnknownFields === true) return fc.constantFrom<unknown>({}, { a: 1 });
  switch (schema.type) {
    case 'object':
      return depth === 0 ? fc.constant({}) : members(schema, depth);
    case 'array':
      return depth === 0 || schema.items === undefined
        ? fc.constant([])
        : fc.array(objectsOf(schema.items, depth - 1), { maxLength: 2 });
    case 'integer':
    case 'number':
      return numbers;
    case 'boolean':
      return fc.boolean();
    case 'string':
    case undefined:
      if (schema.format === 'date-time') return fc.constant('2026-01-01T00:00:00Z');
      if (schema.format === 'byte') return fc.constantFrom('', 'YQ==', 'e30=');
      return schema.enum === undefined
        ? texts
        : fc.constantFrom('Nope', ...schema.enum.map(String));
    default:
      return schema.type satisfies never;
  }
}

/** A few of the members, so that deep ones are reached in little time; now and then a required one lacks. */
function members(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { properties, additionalProperties } = schema;
  if (properties === undefined) {
    return typeof additionalProperties === 'object'
      ? fc.dictionary(
          fc.constantFrom('a', 'a b', 'cpu'),
          objectsOf(additionalProperties, depth - 1),
          {
            maxKeys: 2,
            noNullPrototype: true,
          },
        )
      : fc.constant({});
  }
  const required = schema.required ?? [];
  const all = Object.keys(properties);
  const choice = fc.tuple(fc.subarray(all, { maxLength: Math.min(4, all.length) }), fc.nat(9));
  return choice.chain(([chosen, dice]) => {
    const names = [...new Set([...chosen, ...required])];
    return fc.record(
      Object.fromEntries(names.map((name) => [name, objectsOf(properties[name] ?? {}, depth - 1)])),
      { requiredKeys: dice === 0 ? [] : names, noNullPrototype: true },
    );
  });
}
