import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonPath } from './json-path.ts';

const root = {
  spec: { replicas: 3, 'a.b': 'dotted', list: [1, 2, 3] },
  metadata: { annotations: { 'example.com/x': 'y' } },
  status: {
    conditions: [
      { type: 'Synced', status: 'False' },
      { type: 'Ready', status: 'True', count: 2 },
    ],
  },
};

const rows: readonly (readonly [string, readonly unknown[]])[] = [
  ['.spec.replicas', [3]],
  ['{.spec.replicas}', [3]],
  ['$.spec.replicas', [3]],
  ['.spec.nothing.here', []],
  ["['spec'].replicas", [3]],
  [String.raw`.spec.a\.b`, ['dotted']],
  [".metadata.annotations['example.com/x']", ['y']],
  [String.raw`.metadata.annotations.example\.com/x`, ['y']],
  ['.spec.list[0]', [1]],
  ['.spec.list[-1]', [3]],
  ['.spec.list[-1:]', [3]],
  ['.spec.list[0:2]', [1, 2]],
  ['.spec.list[*]', [1, 2, 3]],
  ['.spec.list[7]', []],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Ready')].status", ['True']],
  ['.status.conditions[?(@.type != "Ready")].status', ['False']],
  ['.status.conditions[?(@.count >= 2)].type', ['Ready']],
  ['.status.conditions[?(@.count)].type', ['Ready']],
  ['.status.conditions[*].type', ['Synced', 'Ready']],
  ['.spec.toString', []],
];

for (const [path, expected] of rows) {
  test(`parseJsonPath() finds ${path}`, () => {
    assert.deepEqual(parseJsonPath(path).find(root), expected);
  });
}

for (const path of ['spec.replicas', '.spec[', '.spec[?(@.a==)]', '.a..b', '.spec[x]']) {
  test(`parseJsonPath() refuses ${path}`, () => {
    assert.throws(() => parseJsonPath(path), SyntaxError);
  });
}
