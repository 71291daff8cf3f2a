import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  builtinDescriptors,
  jsonEqual,
  mergePatch,
  type Schema,
  strategicMergePatch,
} from '../../api/index.ts';
import { threeWayPatch } from './three-way-patch.ts';

function podSchema(): Schema {
  const pod = builtinDescriptors.find(({ kind }) => kind === 'Pod');
  assert(pod !== undefined);
  return pod.schema;
}

test('threeWayPatch() sets what differs, removes what was dropped, leaves what others set', () => {
  const original = { data: { a: '1', gone: 'x' } };
  const modified = { data: { a: '2' } };
  const current = { data: { a: '1', gone: 'x', theirs: 'y' } };
  const patch = threeWayPatch({ original, modified, current }, {});
  assert.deepEqual(patch, { data: { a: '2', gone: null } });
});

test('threeWayPatch() is empty when nothing is to be done', () => {
  const same = { spec: { list: [1, { a: 1 }], text: 'x' } };
  const current = { spec: { ...same.spec, defaulted: true }, status: { ready: true } };
  assert.deepEqual(threeWayPatch({ original: same, modified: same, current }, {}), {});
});

test('threeWayPatch() replaces lists of custom kinds as a whole', () => {
  const ways = { original: {}, modified: { list: [1, 2] }, current: { list: [2, 1] } };
  assert.deepEqual(threeWayPatch(ways, {}), { list: [1, 2] });
});

test('threeWayPatch() merges lists of built-in kinds by their keys', () => {
  const schema = podSchema();
  const original = { spec: { containers: [{ name: 'old' }, { name: 'web', image: 'a' }] } };
  const modified = { spec: { containers: [{ name: 'web', image: 'b' }] } };
  const current = {
    spec: {
      containers: [
        { name: 'old', imagePullPolicy: 'Always' },
        { name: 'web', image: 'a', imagePullPolicy: 'Always' },
        { name: 'injected' },
      ],
    },
  };
  const patch = threeWayPatch({ original, modified, current }, schema);
  assert.deepEqual(patch, {
    spec: {
      '$setElementOrder/containers': [{ name: 'web' }],
      containers: [
        { name: 'web', image: 'b' },
        { name: 'old', $patch: 'delete' },
      ],
    },
  });
  assert.deepEqual(strategicMergePatch(current, patch, schema), {
    spec: {
      containers: [{ name: 'web', image: 'b', imagePullPolicy: 'Always' }, { name: 'injected' }],
    },
  });
});

test('threeWayPatch() keeps finalizers that others added', () => {
  const schema = podSchema();
  const original = { metadata: { finalizers: ['a/b', 'c/d'] } };
  const modified = { metadata: { finalizers: ['a/b', 'e/f'] } };
  const current = { metadata: { finalizers: ['a/b', 'c/d', 'x/y'] } };
  const patch = threeWayPatch({ original, modified, current }, schema);
  const { metadata } = strategicMergePatch(current, patch, schema) as typeof current;
  assert.deepEqual(metadata.finalizers.toSorted(), ['a/b', 'e/f', 'x/y']);
});

const value = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a', 'b'), fc.boolean()),
  list: fc.array(tie('leaf'), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { maxKeys: 3 }),
  any: fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('list'), tie('object')),
}));
const { object } = value;

test('threeWayPatch() of any JSON makes the configuration so, and a second one is empty', () => {
  fc.assert(
    fc.property(object, object, object, (original, modified, current) => {
      const patch = threeWayPatch({ original, modified, current }, {});
      const result = mergePatch(current, patch) as Record<string, unknown>;
      assert(holds(result, modified), JSON.stringify({ result, modified }));
      assert.deepEqual(threeWayPatch({ original: modified, modified, current: result }, {}), {});
    }),
  );
});

/** True when all of `wanted` is in `found`; objects of `found` may have more. */
function holds(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) {
    return jsonEqual(found, wanted);
  }
  if (typeof found !== 'object' || found === null) return false;
  const members = found as Record<string, unknown>;
  return Object.entries(wanted).every(([key, member]) => holds(members[key], member));
}
