import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectMeta } from '../object.ts';
import { validateMetadata, validateMetadataUpdate } from './metadata.ts';

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u', controller: true };
const good: ObjectMeta = { name: 'a', namespace: 'n' };

function fields(meta: ObjectMeta, namespaced = true): readonly string[] {
  return validateMetadata(meta, { namespaced }).map(({ field, message }) => `${field}: ${message}`);
}

test('validateMetadata() takes good metadata', () => {
  const rich: ObjectMeta = {
    ...good,
    labels: { 'example.com/a': 'b', c: '' },
    annotations: { 'Example.com/Any': 'text with spaces' },
    finalizers: ['example.com/x'],
    ownerReferences: [owner],
  };
  assert.deepEqual(fields(rich), []);
});

const rows: readonly (readonly [string, ObjectMeta, RegExp])[] = [
  [
    'no name',
    { name: '', namespace: 'n' },
    /^metadata.name: Required value: name or generateName is required$/,
  ],
  [
    'a name in upper case',
    { name: 'A', namespace: 'n' },
    /^metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain/,
  ],
  ['no namespace', { name: 'a' }, /^metadata.namespace: Required value$/],
  [
    'a bad label key',
    { ...good, labels: { 'a b': 'c' } },
    /^metadata.labels: Invalid value: "a b": name part must consist/,
  ],
  [
    'a bad label value',
    { ...good, labels: { a: 'b c' } },
    /^metadata.labels: Invalid value: "b c": a valid label must/,
  ],
  [
    'a bad annotation key',
    { ...good, annotations: { '/': '' } },
    /^metadata.annotations: Invalid value: "\/": prefix part must be non-empty/,
  ],
  [
    'too many annotations',
    { ...good, annotations: { a: 'x'.repeat(262_144) } },
    /^metadata.annotations: Too long: may not be more than 262144 bytes$/,
  ],
  [
    'an owner without uid',
    { ...good, ownerReferences: [{ ...owner, uid: '' }] },
    /^metadata.ownerReferences\[0\].uid: Invalid value: "": must not be empty$/,
  ],
  [
    'an owner without version',
    { ...good, ownerReferences: [{ ...owner, apiVersion: '' }] },
    /apiVersion: Invalid value: "": version must not be empty$/,
  ],
  [
    'an event as owner',
    { ...good, ownerReferences: [{ ...owner, apiVersion: 'v1', kind: 'Event' }] },
    /\/v1, Kind=Event is disallowed from being an owner$/,
  ],
  [
    'two controllers',
    { ...good, ownerReferences: [owner, { ...owner, name: 'b', uid: 'v' }] },
    /Only one reference can have Controller set to true. Found "true" in references for ReplicaSet\/rs and ReplicaSet\/b$/,
  ],
  [
    'a bad finalizer',
    { ...good, finalizers: ['a b'] },
    /^metadata.finalizers: Invalid value: "a b": name part/,
  ],
  [
    'two ways of deletion',
    { ...good, finalizers: ['orphan', 'foregroundDeletion'] },
    /finalizer orphan and foregroundDeletion cannot be both set$/,
  ],
];

for (const [what, meta, expected] of rows) {
  test(`validateMetadata() refuses ${what}`, () => {
    assert.match(fields(meta)[0] ?? '', expected);
  });
}

test('validateMetadata() refuses a namespace where there is none', () => {
  assert.deepEqual(fields(good, false), [
    'metadata.namespace: Forbidden: not allowed on this type',
  ]);
});

test('validateMetadata() lets generateName end with a dash', () => {
  assert.deepEqual(fields({ ...good, generateName: 'a-' }), []);
});

test('validateMetadataUpdate() refuses new finalizers of an object that is being deleted', () => {
  const old: ObjectMeta = {
    ...good,
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers: ['a.b/c'],
  };
  const causes = validateMetadataUpdate({ ...old, finalizers: ['a.b/c', 'a.b/d'] }, old);
  assert.deepEqual(
    causes.map((cause) => cause.message),
    [
      'Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/d"}',
    ],
  );
  assert.deepEqual(validateMetadataUpdate({ ...old, finalizers: [] }, old), []);
});

test('validateMetadataUpdate() refuses another uid', () => {
  const causes = validateMetadataUpdate({ ...good, uid: 'b' }, { ...good, uid: 'a' });
  assert.deepEqual(
    causes.map(({ field, message }) => `${field}: ${message}`),
    ['metadata.uid: Invalid value: "b": field is immutable'],
  );
});
