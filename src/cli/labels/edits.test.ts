import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError, UsageError } from '../command.ts';
import { editPatch, readEdits } from './edits.ts';

const object = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { a: '1', b: '2' } },
};
const style = { field: 'labels', overwrite: false } as const;

test('readEdits() tells objects from changes', () => {
  const { targets, edits } = readEdits(['pod', 'p-q', 'a=b', 'x.y/z-'], 'labels');
  assert.deepEqual(targets, ['pod', 'p-q']);
  assert.deepEqual([...edits.set], [['a', 'b']]);
  assert.deepEqual(edits.remove, ['x.y/z']);
});

test('readEdits() refuses what is no label', () => {
  for (const word of ['=x', 'a b=c', 'a=b=c', '/x=1', 'a=b c']) {
    assert.throws(() => readEdits(['pod', 'p', word], 'labels'), UsageError, word);
  }
  assert.throws(() => readEdits(['pod', 'p', 'a=1', 'a-'], 'labels'), UsageError);
  assert.throws(() => readEdits(['pod', 'p'], 'labels'), UsageError);
});

test('editPatch() changes what is not so yet, and overwrites only when told to', () => {
  const edits = (words: readonly string[]) => readEdits(['pod', ...words], 'labels').edits;
  assert.equal(editPatch(object, edits(['a=1', 'c-']), style), undefined);
  assert.throws(() => editPatch(object, edits(['a=2']), style), CommandError);
  assert.deepEqual(editPatch(object, edits(['a=2', 'b-', 'n=3']), { ...style, overwrite: true }), {
    metadata: { labels: { a: '2', b: null, n: '3' } },
  });
});
