import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastApplied, lastAppliedKey, withLastApplied } from './last-applied.ts';

test('withLastApplied() writes the bytes that kubectl writes', () => {
  const object = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { namespace: 'default', name: 'x' },
    data: { code: 'a => "b" & <c>' },
  };
  assert.equal(
    withLastApplied(object).metadata.annotations?.[lastAppliedKey],
    String.raw`{"apiVersion":"v1","data":{"code":"a =\u003e \"b\" \u0026 \u003cc\u003e"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"x","namespace":"default"}}` +
      '\n',
  );
});

test('withLastApplied() does not put an older configuration into the new one', () => {
  const object = { kind: 'A', apiVersion: 'v1', metadata: { name: 'x' } };
  const once = withLastApplied(object);
  assert.deepEqual(withLastApplied(once), once);
});

test('lastApplied() reads nothing out of an object that was not applied', () => {
  const object = { kind: 'A', apiVersion: 'v1', metadata: { name: 'x' } };
  assert.equal(lastApplied(object), undefined);
  const metadata = { name: 'x', annotations: { [lastAppliedKey]: '{"broken' } };
  assert.equal(lastApplied({ ...object, metadata }), undefined);
});
