import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../schema.ts';
import { validateValue } from './validate-value.ts';

function causes(schema: Schema, value: unknown, old?: unknown): readonly string[] {
  return validateValue(schema, value, { path: 'spec.x', old }).map(
    ({ field, message, reason }) => `${reason} ${field}: ${message}`,
  );
}

const rows: readonly (readonly [string, Schema, unknown, string | undefined])[] = [
  [
    'a wrong type',
    { type: 'integer' },
    'four',
    'FieldValueTypeInvalid spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"',
  ],
  ['an integer where a number may be', { type: 'number' }, 3, undefined],
  [
    'a fraction where an integer must be',
    { type: 'integer' },
    1.5,
    'FieldValueTypeInvalid spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"',
  ],
  [
    'null where it may not be',
    { type: 'string' },
    null,
    'FieldValueTypeInvalid spec.x: Invalid value: "null": spec.x in body must be of type string: "null"',
  ],
  ['null where it may be', { type: 'string', nullable: true }, null, undefined],
  [
    'a value that is none of an enum',
    { type: 'string', enum: ['node', 'python', 'image'] },
    'ruby',
    'FieldValueNotSupported spec.x: Unsupported value: "ruby": supported values: "node", "python", "image"',
  ],
  [
    'a text that is too short',
    { type: 'string', minLength: 1 },
    '',
    'FieldValueInvalid spec.x: Invalid value: "": spec.x in body should be at least 1 chars long',
  ],
  [
    'a text that is too long',
    { type: 'string', maxLength: 2 },
    'abc',
    'FieldValueTooLong spec.x: Too long: may not be more than 2 bytes',
  ],
  ['a text of two letters outside the BMP', { type: 'string', maxLength: 2 }, '😀😀', undefined],
  [
    'a text that does not match',
    { type: 'string', pattern: '^a+$' },
    'b',
    'FieldValueInvalid spec.x: Invalid value: "b": spec.x in body should match \'^a+$\'',
  ],
  ['a pattern with a flag of RE2', { type: 'string', pattern: '(?i)^A$' }, 'a', undefined],
  [
    'a text without its format',
    { type: 'string', format: 'date-time' },
    'yesterday',
    'FieldValueTypeInvalid spec.x: Invalid value: "yesterday": spec.x in body must be of type date-time: "yesterday"',
  ],
  ['a format that is not known', { type: 'string', format: 'colour' }, 'red', undefined],
  [
    'a number that is too small',
    { type: 'integer', minimum: 1 },
    0,
    'FieldValueInvalid spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1',
  ],
  [
    'a number that is too large',
    { type: 'integer', maximum: 3, exclusiveMaximum: true },
    3,
    'FieldValueInvalid spec.x: Invalid value: 3: spec.x in body should be less than 3',
  ],
  [
    'no multiple',
    { type: 'number', multipleOf: 0.5 },
    0.7,
    'FieldValueInvalid spec.x: Invalid value: 0.7: spec.x in body should be a multiple of 0.5',
  ],
  [
    'a number that int32 cannot hold',
    { type: 'integer', format: 'int32' },
    3_000_000_000,
    'FieldValueTypeInvalid spec.x: Invalid value: "int64": spec.x in body must be of type int32: "int64"',
  ],
  [
    'too many items',
    { type: 'array', maxItems: 1 },
    [1, 2],
    'FieldValueTooMany spec.x: Too many: 2: must have at most 1 item',
  ],
  [
    'an item of the wrong type',
    { type: 'array', items: { type: 'string' } },
    ['a', 1],
    'FieldValueTypeInvalid spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"',
  ],
  [
    'a set with a duplicate',
    { type: 'array', listType: 'set', items: { type: 'string' } },
    ['a', 'b', 'a'],
    'FieldValueDuplicate spec.x[2]: Duplicate value: "a"',
  ],
  [
    'a map list with a duplicate, by the default of a key',
    {
      type: 'array',
      listType: 'map',
      listMapKeys: ['port', 'protocol'],
      items: {
        type: 'object',
        properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } },
      },
    },
    [{ port: 1, protocol: 'TCP' }, { port: 1 }],
    'FieldValueDuplicate spec.x[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
  ],
  [
    'a missing member',
    { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
    {},
    'FieldValueRequired spec.x.a: Required value',
  ],
  [
    'a value of a map of the wrong type',
    { type: 'object', additionalProperties: { type: 'string' } },
    { a: 1 },
    'FieldValueTypeInvalid spec.x.a: Invalid value: "integer": spec.x.a in body must be of type string: "integer"',
  ],
  ['an integer or a text, as an integer', { intOrString: true }, 80, undefined],
  [
    'neither an integer nor a text',
    { intOrString: true },
    true,
    'FieldValueTypeInvalid spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"',
  ],
  [
    'none of oneOf',
    { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    {},
    'FieldValueInvalid spec.x: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid',
  ],
  [
    'what not forbids',
    { not: { required: ['a'] } },
    { a: 1 },
    'FieldValueInvalid spec.x: Invalid value: "": "spec.x" must not validate the schema (not)',
  ],
];

for (const [what, schema, value, expected] of rows) {
  test(`validateValue() ${expected === undefined ? 'takes' : 'refuses'} ${what}`, () => {
    assert.deepEqual(causes(schema, value), expected === undefined ? [] : [expected]);
  });
}

test('validateValue() does not look again at what an update has not changed', () => {
  const schema: Schema = {
    type: 'object',
    properties: { a: { type: 'integer', maximum: 1 }, b: { type: 'integer', maximum: 1 } },
  };
  assert.deepEqual(causes(schema, { a: 5, b: 0 }, { a: 5, b: 1 }), []);
  assert.equal(causes(schema, { a: 5, b: 6 }, { a: 5, b: 1 }).length, 1);
});

test('validateValue() names no more than a hundred things', () => {
  const items: Schema = { type: 'array', items: { type: 'string' } };
  assert.equal(
    causes(
      items,
      Array.from({ length: 5000 }, () => 1),
    ).length,
    100,
  );
});
