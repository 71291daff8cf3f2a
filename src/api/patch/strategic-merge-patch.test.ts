import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StatusError } from '../status-error.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';
import { deploymentSchema } from './testing/deployment-schema.ts';
import { deepFreeze } from './testing/json-values.ts';

const apply = (original: unknown, patch: unknown): unknown =>
  strategicMergePatch(deepFreeze(original), deepFreeze(patch), deploymentSchema);

/** `a b`, items of the given names. */
function named(names: string): readonly { readonly name: string }[] {
  return names === '' ? [] : names.split(' ').map((name) => ({ name }));
}

suite('strategicMergePatch()', () => {
  // Results are those of k8s.io/apimachinery 0.35.2, unless they say otherwise.
  const cases: readonly (readonly [string, unknown, unknown, unknown])[] = [
    [
      'sets, keeps and deletes members',
      { a: 1, b: 2, c: 3 },
      { a: 9, b: null, z: null },
      { a: 9, c: 3 },
    ],
    [
      'merges maps',
      { labels: { a: '1', b: '2' } },
      { labels: { b: null, c: '3' } },
      { labels: { a: '1', c: '3' } },
    ],
    ['drops nulls of what is new', {}, { labels: { a: null, b: '1' } }, { labels: { b: '1' } }],
    [
      'replaces a value of another type',
      { labels: 1 },
      { labels: { a: '1' } },
      { labels: { a: '1' } },
    ],
    [
      'replaces atomic lists',
      { tolerations: [{ key: 'a' }] },
      { tolerations: [{ key: 'b' }] },
      { tolerations: [{ key: 'b' }] },
    ],
    [
      'replaces a map of strategy replace',
      { whole: { a: 1 } },
      { whole: { b: 2 } },
      { whole: { b: 2 } },
    ],
    ['takes $ref for a field', { $ref: 'a' }, { $ref: 'b' }, { $ref: 'b' }],
    [
      'merges items by key, deeply',
      { containers: [{ name: 'a', image: 'x', env: [{ name: 'e', value: '1' }] }, { name: 'b' }] },
      {
        containers: [
          {
            name: 'a',
            env: [
              { name: 'f', value: '2' },
              { name: 'e', value: null },
            ],
          },
        ],
      },
      {
        containers: [
          { name: 'a', image: 'x', env: [{ name: 'f', value: '2' }, { name: 'e' }] },
          { name: 'b' },
        ],
      },
    ],
    [
      'puts new items first',
      { containers: named('a b') },
      { containers: named('c') },
      { containers: named('c a b') },
    ],
    [
      'deletes an item',
      { containers: named('a b c') },
      { containers: [{ $patch: 'delete', name: 'b' }] },
      { containers: named('a c') },
    ],
    [
      'deletes nothing that is not there',
      {},
      { containers: [{ $patch: 'delete', name: 'b' }] },
      { containers: [] },
    ],
    [
      'replaces a list',
      { containers: named('a b') },
      { containers: [{ $patch: 'replace' }, { name: 'c', image: null }] },
      { containers: named('c') },
    ],
    [
      'replaces a map',
      { labels: { a: '1' } },
      { labels: { $patch: 'replace', b: '2', c: null } },
      { labels: { b: '2' } },
    ],
    ['empties a map', { labels: { a: '1' } }, { labels: { $patch: 'delete' } }, { labels: {} }],
    [
      'leaves nothing of a directive for what is not there',
      {},
      { labels: { $patch: 'replace', a: '1' } },
      {},
    ],
    ['replaces the whole object', { a: 1, b: 2 }, { $patch: 'replace', b: 3 }, { b: 3 }],
    [
      'merges primitives',
      { finalizers: ['a', 'b'] },
      { finalizers: ['b', 'c', 'c'] },
      { finalizers: ['a', 'b', 'c'] },
    ],
    [
      'deletes primitives',
      { finalizers: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/finalizers': ['a', 'c', 'x'] },
      { finalizers: ['b'] },
    ],
    ['deletes primitives of no list', {}, { '$deleteFromPrimitiveList/finalizers': ['a'] }, {}],
    [
      'orders primitives',
      { finalizers: ['a', 'b', 's'] },
      { finalizers: ['c'], '$setElementOrder/finalizers': ['c', 'b', 'a'] },
      { finalizers: ['c', 'b', 'a', 's'] },
    ],
    [
      'orders and deletes primitives',
      { finalizers: ['a', 'b'] },
      {
        finalizers: ['c'],
        '$setElementOrder/finalizers': ['b', 'c'],
        '$deleteFromPrimitiveList/finalizers': ['a'],
      },
      { finalizers: ['b', 'c'] },
    ],
    [
      'orders items without changing them',
      { containers: named('a b c') },
      { '$setElementOrder/containers': named('c a') },
      { containers: named('b c a') },
    ],
    [
      'keeps what the server alone has in its place',
      { containers: named('a s b') },
      { '$setElementOrder/containers': named('b a') },
      { containers: named('s b a') },
    ],
    [
      'orders a new list',
      {},
      { containers: named('a b'), '$setElementOrder/containers': named('b a c') },
      new StatusError(
        400,
        'BadRequest',
        "The order in patch list:\n[map[name:a] map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:b] map[name:a] map[name:c]]\n",
      ),
    ],
    [
      'gives what is new the place of what was deleted',
      { containers: named('s a') },
      {
        containers: [{ name: 'c' }, { $patch: 'delete', name: 'a' }],
        '$setElementOrder/containers': named('c'),
      },
      { containers: named('s c') },
    ],
    [
      'ignores the order of a list that is not there',
      { a: 1 },
      { '$setElementOrder/containers': named('a') },
      { a: 1 },
    ],
    [
      'retains only the named keys',
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { strategy: { type: 'Recreate' } },
    ],
    [
      'retains keys in items',
      { volumes: [{ name: 'v', hostPath: {} }] },
      { volumes: [{ $retainKeys: ['name', 'emptyDir'], name: 'v', emptyDir: {} }] },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ],
    [
      'takes directives out of new items',
      {},
      {
        containers: [
          {
            name: 'a',
            $retainKeys: ['name'],
            '$setElementOrder/env': [],
            env: [{ $patch: 'delete', name: 'e' }],
          },
        ],
      },
      { containers: [{ name: 'a', env: [] }] },
    ],
    [
      'merges into the first of two ports of one number',
      {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
      { containers: [{ name: 'a', ports: [{ containerPort: 53, protocol: 'UDP', hostPort: 1 }] }] },
      {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'UDP', hostPort: 1 },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
    ],
    [
      'makes one of two new ports of one number',
      { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] },
      {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
      {
        containers: [
          { name: 'a', ports: [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 80 }] },
        ],
      },
    ],
    [
      'takes a whole new list as it is',
      {},
      {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
      {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
        ],
      },
    ],
    [
      'sets an empty list',
      { containers: named('a'), tolerations: [{}] },
      { containers: [], tolerations: [] },
      { containers: named('a'), tolerations: [] },
    ],
  ];
  for (const [name, original, patch, result] of cases) {
    test(name, () => {
      if (result instanceof StatusError) assert.throws(() => apply(original, patch), result);
      else assert.deepEqual(apply(original, patch), result);
    });
  }

  const containers = { containers: named('a') };
  const refusals: readonly (readonly [unknown, unknown, string])[] = [
    [{}, [], 'invalid JSON document'],
    [
      containers,
      { containers: [{ image: 'x' }] },
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [
      containers,
      { containers: [{ $patch: 'delete' }] },
      'map: map[$patch:delete] does not contain declared merge key: name',
    ],
    [
      containers,
      { containers: [{ $patch: 'merge', name: 'a' }] },
      'merging lists cannot yet be specified in the patch',
    ],
    [
      containers,
      { containers: [{ $patch: 'x', name: 'a' }] },
      'unknown patch type: x in map: map[$patch:x name:a]',
    ],
    [
      containers,
      { containers: ['a'] },
      'list element types are not identical: [[map[name:a]] [a]]',
    ],
    [
      { labels: {} },
      { labels: { $patch: 'merge' } },
      'unknown patch type: merge in map: map[$patch:merge]',
    ],
    [
      { strategy: {} },
      { strategy: { $retainKeys: ['a'], b: 1 } },
      'invalid patch format of retainKeys',
    ],
    [{ strategy: {} }, { strategy: { $retainKeys: 'a' } }, 'invalid patch format of retainKeys'],
    [{}, { $setElementOrder: [] }, 'invalid patch format of setElementOrder list'],
    [{}, { $deleteFromPrimitiveListX: [] }, 'invalid patch format of primitive list'],
    [
      containers,
      { '$setElementOrder/containers': 'a' },
      'expected a []interface {}, but received a string',
    ],
    [
      containers,
      { '$setElementOrder/containers': ['a'] },
      'list element types are not identical: [[map[name:a]] [a]]',
    ],
    [
      { finalizers: ['a'] },
      { '$deleteFromPrimitiveList/finalizers': [{}] },
      'list element types are not identical: [[a] [map[]]]',
    ],
  ];
  for (const [original, patch, message] of refusals) {
    test(`refuses ${JSON.stringify(patch)}`, () => {
      assert.throws(() => apply(original, patch), new StatusError(400, 'BadRequest', message));
    });
  }

  test('refuses lists of lists with 422', () => {
    const error = new StatusError(422, 'Invalid', 'lists of lists are not supported');
    assert.throws(() => apply({ finalizers: ['a'] }, { finalizers: [['b']] }), error);
  });
});
