import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMapDescriptor } from '../kinds/config-map.ts';
import { objectOf } from '../testing/prepare.ts';
import { type TableOptions, toTable } from './to-table.ts';

const object = objectOf(
  configMapDescriptor,
  { data: { a: 'b' } },
  { creationTimestamp: '2026-01-01T00:00:00Z' },
);

function table(includeObject: TableOptions['includeObject']) {
  const now = Date.parse('2026-01-01T00:00:05Z');
  const listMeta = { resourceVersion: '7' };
  return toTable(configMapDescriptor, { objects: [object], listMeta, includeObject, now });
}

test('toTable() makes a row of cells for each object', () => {
  const { kind, apiVersion, metadata, columnDefinitions, rows } = table('None');
  assert.deepEqual(
    [kind, apiVersion, metadata],
    ['Table', 'meta.k8s.io/v1', { resourceVersion: '7' }],
  );
  assert.deepEqual(
    columnDefinitions.map(({ name, type, format, priority }) => [name, type, format, priority]),
    [
      ['Name', 'string', 'name', 0],
      ['Data', 'integer', '', 0],
      ['Age', 'string', '', 0],
    ],
  );
  assert.deepEqual(rows, [{ cells: ['a', 1, '5s'] }]);
});

test('toTable() puts in as much of an object as is asked for', () => {
  assert.deepEqual(table('Object').rows[0]?.object, object);
  assert.deepEqual(table('Metadata').rows[0]?.object, {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata,
  });
});
