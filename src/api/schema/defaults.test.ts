import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../schema.ts';
import { applyDefaults } from './defaults.ts';

const scaling: Schema = {
  type: 'object',
  default: {},
  properties: { min: { type: 'integer', default: 0 }, max: { type: 'integer', default: 20 } },
};
const schema: Schema = {
  type: 'object',
  properties: {
    scaling,
    list: { type: 'array', items: scaling },
    map: { type: 'object', additionalProperties: scaling },
    optional: { type: 'string', nullable: true, default: 'x' },
    plain: { type: 'string' },
  },
};

test('applyDefaults() fills in absent members, and what is inside of a default', () => {
  assert.deepEqual(applyDefaults(schema, {}), { scaling: { min: 0, max: 20 }, optional: 'x' });
});

test('applyDefaults() reaches items and the values of maps', () => {
  assert.deepEqual(
    applyDefaults(schema, {
      scaling: { min: 3 },
      list: [{ max: 1 }],
      map: { a: {} },
      optional: '',
    }),
    {
      scaling: { min: 3, max: 20 },
      list: [{ max: 1, min: 0 }],
      map: { a: { min: 0, max: 20 } },
      optional: '',
    },
  );
});

test('applyDefaults() takes a null for absent unless the schema allows it', () => {
  assert.deepEqual(applyDefaults(schema, { scaling: null, optional: null, plain: null }), {
    scaling: { min: 0, max: 20 },
    optional: null,
  });
});

test('applyDefaults() shares no default between two objects', () => {
  const first = applyDefaults(schema, {}) as { scaling: { min: number } };
  first.scaling.min = 7;
  assert.deepEqual(applyDefaults(schema, {}), { scaling: { min: 0, max: 20 }, optional: 'x' });
});
