import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionObject, FunctionStatus } from '../../api/index.ts';
import type { Revision } from './function-revisions.ts';
import { revisionRows } from './revisions-command.ts';

const revision = (name: string, rest: Partial<Revision> = {}): Revision => ({
  name,
  requestedMs: 0,
  failure: undefined,
  proven: true,
  record: undefined,
  replicas: 0,
  readyReplicas: 0,
  ...rest,
});

function rows(status: FunctionStatus, ...revisions: readonly Revision[]) {
  const fn: FunctionObject = {
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name: 'f' },
    spec: { runtime: 'node', source: { inline: '' } },
    status,
  };
  return revisionRows(fn, revisions, 60_000).slice(1);
}

test('revisionRows() gives the latest revision all calls where nothing else is said', () => {
  const two = revision('two', { replicas: 2, readyReplicas: 1 });
  assert.deepEqual(rows({ revision: 'two' }, two, revision('one')), [
    ['two', 'yes', '100%', '<none>', '1/2', '60s', ''],
    ['one', '', '', '<none>', '0/0', '60s', ''],
  ]);
});

test('revisionRows() adds up the shares of a revision and lists its tags', () => {
  const pods = { replicas: 0, readyReplicas: 0 };
  const traffic = [
    { latest: true, revision: 'two', weight: 30, tag: 'a', ...pods },
    { revision: 'two', weight: 15, tag: 'b', ...pods },
    { revision: 'one', weight: 45, ...pods },
  ];
  const given = revision('bad', { failure: 'LoadFailed' });
  assert.deepEqual(rows({ revision: 'two', traffic }, given, revision('two'), revision('one')), [
    ['bad', '', '', '<none>', '0/0', '60s', 'given up: LoadFailed'],
    ['two', 'yes', '50%', 'a,b', '0/0', '60s', ''],
    ['one', '', '50%', '<none>', '0/0', '60s', ''],
  ]);
});
