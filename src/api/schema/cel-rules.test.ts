import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../object.ts';
import { compileProblem, evaluateRules } from './cel-rules.ts';
import { fromJsonSchema, type JsonSchema } from './json-schema.ts';

function broken(spec: JsonSchema, value: unknown, old?: unknown): readonly string[] {
  const schema = fromJsonSchema({ type: 'object', properties: { spec } }, () => ({}));
  const wrap = (inner: unknown): KubeObject =>
    ({ apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec: inner }) as KubeObject;
  const causes = evaluateRules(schema, wrap(value), old === undefined ? undefined : wrap(old));
  return causes.map(({ field, message }) => `${field}: ${message}`);
}

const range: JsonSchema = {
  type: 'object',
  properties: { min: { type: 'integer' }, max: { type: 'integer' } },
  'x-kubernetes-validations': [
    {
      rule: 'self.min <= self.max',
      message: 'min is too large',
      messageExpression: "'min is ' + string(self.min)",
      fieldPath: '.min',
    },
  ],
};

test('evaluateRules() takes what its rules take', () => {
  assert.deepEqual(broken(range, { min: 1, max: 1 }), []);
});

test('evaluateRules() gives the text of messageExpression at fieldPath', () => {
  assert.deepEqual(broken(range, { min: 2, max: 1 }), [
    'spec.min: Invalid value: "object": min is 2',
  ]);
});

test('evaluateRules() falls back to message, then to the rule itself', () => {
  const withMessage = [{ rule: 'self != ""', message: 'say it', messageExpression: 'self' }];
  const bare = [{ rule: 'self != ""' }];
  const text = (rules: JsonSchema['x-kubernetes-validations']): JsonSchema => ({
    type: 'string',
    ...(rules && { 'x-kubernetes-validations': rules }),
  });
  assert.deepEqual(broken(text(withMessage), ''), ['spec: Invalid value: "string": say it']);
  assert.deepEqual(broken(text(bare), ''), [
    'spec: Invalid value: "string": failed rule: self != ""',
  ]);
});

test('evaluateRules() refuses what a rule fails on', () => {
  assert.deepEqual(broken(range, { max: 1 }), [
    'spec.min: Invalid value: "object": No such key: min evaluating rule: min is too large',
  ]);
});

test('evaluateRules() runs transition rules only where there was a value', () => {
  const fixed: JsonSchema = {
    type: 'string',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is immutable' }],
  };
  assert.deepEqual(broken(fixed, 'a'), []);
  assert.deepEqual(broken(fixed, 'a', 'a'), []);
  assert.deepEqual(broken(fixed, 'b', 'a'), ['spec: Invalid value: "string": is immutable']);
});

test('evaluateRules() does not ask again what an update has not changed', () => {
  assert.deepEqual(broken(range, { min: 2, max: 1 }, { max: 1, min: 2 }), []);
  assert.equal(broken(range, { min: 3, max: 1 }, { min: 2, max: 1 }).length, 1);
});

test('evaluateRules() finds rules in items and in the values of maps', () => {
  const positive: JsonSchema = {
    type: 'integer',
    'x-kubernetes-validations': [{ rule: 'self > 0', message: 'must be positive' }],
  };
  assert.deepEqual(broken({ type: 'array', items: positive }, [1, -1]), [
    'spec[1]: Invalid value: "integer": must be positive',
  ]);
  assert.deepEqual(broken({ type: 'object', additionalProperties: positive }, { a: 0 }), [
    'spec.a: Invalid value: "integer": must be positive',
  ]);
});

const passing: readonly (readonly [string, JsonSchema, unknown])[] = [
  [
    'self.isSorted() && self.sum() == 6 && self.max() == 3 && self.indexOf(2) == 1',
    { type: 'array', items: { type: 'integer' } },
    [1, 2, 3],
  ],
  ["self.find('[0-9]+') == '12' && self.findAll('[a-z]').size() == 2", { type: 'string' }, 'a12b'],
  ["self.replace('a', 'b') == 'bb'", { type: 'string' }, 'ab'],
  ["duration(self) < duration('2h')", { type: 'string' }, '1h30m'],
  [
    'self < timestamp("2030-01-01T00:00:00Z")',
    { type: 'string', format: 'date-time' },
    '2026-01-01T00:00:00Z',
  ],
  [
    'self.__package__.a__dash__b == 1',
    {
      type: 'object',
      properties: { package: { type: 'object', properties: { 'a-b': { type: 'integer' } } } },
    },
    { package: { 'a-b': 1 } },
  ],
  [
    "'x-y' in self && self['x-y'] == 2",
    { type: 'object', additionalProperties: { type: 'integer' } },
    { 'x-y': 2 },
  ],
];

for (const [rule, schema, value] of passing) {
  test(`evaluateRules() holds ${rule}`, () => {
    assert.equal(compileProblem(rule, 'bool', schema), undefined);
    assert.deepEqual(broken({ ...schema, 'x-kubernetes-validations': [{ rule }] }, value), []);
  });
}

const object: JsonSchema = {
  type: 'object',
  properties: {
    list: { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const compiled: readonly (readonly [string, string | RegExp | undefined])[] = [
  ['self.list.all(i, i.a > 0)', undefined],
  ['has(self.free.anything)', undefined],
  ['self.list.all(i, i.b > 0)', "compilation failed: undefined field 'b'"],
  ['self.nope == 1', "compilation failed: undefined field 'nope'"],
  ['self.list[0].nope == 1', "compilation failed: undefined field 'nope'"],
  ['self.list.size()', 'cel expression must evaluate to a bool'],
  ['self.list ==', /^compilation failed: /],
  ['other == 1', /^compilation failed: /],
  ['nope(self)', /^compilation failed: /],
];

for (const [rule, expected] of compiled) {
  test(`compileProblem() of ${rule}`, () => {
    const problem = compileProblem(rule, 'bool', object);
    if (expected instanceof RegExp) assert.match(problem ?? '', expected);
    else assert.equal(problem, expected);
  });
}
