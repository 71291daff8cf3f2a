import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Schema } from '../schema.ts';
import { applyDefaults } from './defaults.ts';
import { definitionSchema } from './definitions.ts';
import { pruneUnknown } from './prune.ts';
import { jsonFor, schemas } from './testing/arbitrary-schema.ts';

const pod = definitionSchema('io.k8s.api.core.v1.Pod');

test('pruneUnknown() takes out unknown fields and names their paths', () => {
  const { object, unknown } = pruneUnknown(pod, {
    metadata: { name: 'a', bogus: 1, labels: { any: 'thing' } },
    spec: { zero: null, containers: [{ name: 'a' }, { name: 'b', x: { y: 1 } }] },
  });
  assert.deepEqual(unknown, ['metadata.bogus', 'spec.zero', 'spec.containers[1].x']);
  assert.deepEqual(object, {
    metadata: { name: 'a', labels: { any: 'thing' } },
    spec: { containers: [{ name: 'a' }, { name: 'b' }] },
  });
});

test('pruneUnknown() takes a null in a type of Kubernetes for an absent field', () => {
  const { object, unknown } = pruneUnknown(pod, { metadata: { creationTimestamp: null } });
  assert.deepEqual([object, unknown], [{ metadata: {} }, []]);
});

test('pruneUnknown() keeps what x-kubernetes-preserve-unknown-fields and embedded resources keep', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      free: {
        type: 'object',
        preserveUnknownFields: true,
        properties: { known: { type: 'object', properties: {} } },
      },
      inner: { type: 'object', embeddedResource: true, properties: {} },
    },
  };
  const { object, unknown } = pruneUnknown(schema, {
    free: { any: 1, known: { bogus: 1 } },
    inner: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' }, spec: 1 },
  });
  assert.deepEqual(unknown, ['free.known.bogus', 'inner.spec']);
  assert.deepEqual(object, {
    free: { any: 1, known: {} },
    inner: { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } },
  });
});

test('pruneUnknown() has no opinion on names that objects have by nature', () => {
  const { unknown } = pruneUnknown(
    { type: 'object', properties: {} },
    { constructor: 1, toString: 2 },
  );
  assert.deepEqual(unknown, ['constructor', 'toString']);
});

test('pruneUnknown() and applyDefaults() change nothing the second time, and never their input', () => {
  fc.assert(
    fc.property(schemas, jsonFor, (schema, value) => {
      const before = structuredClone(value);
      const pruned = pruneUnknown(schema, value).object;
      assert.deepEqual(pruneUnknown(schema, pruned), { object: pruned, unknown: [] });
      const defaulted = applyDefaults(schema, pruned);
      assert.deepEqual(applyDefaults(schema, defaulted), defaulted);
      assert.deepEqual(value, before);
    }),
  );
});
