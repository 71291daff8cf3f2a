import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';
import { deploymentSchema } from './testing/deployment-schema.ts';
import { deepFreeze } from './testing/json-values.ts';
import { diffObjects } from './testing/strategic-diff.ts';

const apply = (original: unknown, patch: unknown): unknown =>
  strategicMergePatch(deepFreeze(original), deepFreeze(patch), deploymentSchema);

interface Item {
  readonly name: string;
}
interface Deployment {
  readonly containers: readonly Item[];
}

const nameOf = ({ name }: Item): string => name;
const name: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const plain = { noNullPrototype: true } as const;
const envItem = fc.record({ name, value: fc.constantFrom('1', '2') }, plain);
const containerItem = fc.record(
  {
    name,
    image: fc.constantFrom('x', 'y'),
    args: fc.array(name, { maxLength: 2 }),
    env: fc.uniqueArray(envItem, { selector: nameOf, maxLength: 4 }),
  },
  { ...plain, requiredKeys: ['name'] },
);
const deployment = fc.record(
  {
    containers: fc.uniqueArray(containerItem, { selector: nameOf, maxLength: 5 }),
    labels: fc.dictionary(name, fc.constantFrom('1', '2'), plain),
    finalizers: fc.uniqueArray(name),
    tolerations: fc.array(fc.record({ key: name }, plain), { maxLength: 2 }),
    strategy: fc.record({ type: name, rollingUpdate: name }, { ...plain, requiredKeys: [] }),
  },
  { ...plain, requiredKeys: ['containers'] },
);

suite('strategicMergePatch()', () => {
  test('undoes a diff: apply(a, diff(a, b)) is b, and once is enough', () => {
    fc.assert(
      fc.property(deployment, deployment, (original, modified) => {
        const patch = diffObjects(original, modified, deploymentSchema);
        const result = apply(original, patch);
        assert.deepEqual(result, modified);
        assert.deepEqual(apply(result, patch), modified);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps what others own: a patch for a list touches no item that it does not name', () => {
    fc.assert(
      fc.property(
        deployment,
        fc.uniqueArray(containerItem, { selector: nameOf }),
        (original, items) => {
          const result = apply(original, { containers: items }) as Deployment;
          const before = new Map(original.containers.map((item) => [item.name, item]));
          const patched = new Set(items.map(nameOf));
          for (const item of result.containers) {
            if (!patched.has(item.name)) assert.deepEqual(item, before.get(item.name));
          }
          const all = new Set([...before.keys(), ...patched]);
          assert.deepEqual(new Set(result.containers.map(nameOf)), all);
          assert.equal(result.containers.length, all.size);
        },
      ),
    );
  });

  test('never fails but by a StatusError, whatever the patch', () => {
    const directive = fc.constantFrom(
      '$patch',
      '$retainKeys',
      '$setElementOrder/containers',
      '$deleteFromPrimitiveList/finalizers',
      'containers',
      'finalizers',
      'labels',
      'name',
      '__proto__',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, 'delete', 'replace', 'a', 1, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(directive, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(deployment, value, (original, patch) => {
        try {
          apply(original, patch);
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
