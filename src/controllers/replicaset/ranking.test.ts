import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { podWith, type PodTraits } from '../testing/pods.ts';
import { choosePodsToDelete, compareForDeletion } from './ranking.ts';

const hourMs = 3_600_000;
const now = 1000 * hourMs;

/** From the first to be deleted to the last, each for the reason that it is named after. */
const ladder: readonly PodTraits[] = [
  { name: 'not-assigned', phase: 'Pending' },
  { name: 'pending', node: 'n', phase: 'Pending' },
  { name: 'unknown', node: 'n', phase: 'Unknown' },
  { name: 'not-ready', node: 'n' },
  { name: 'cheap', node: 'n', readyAt: now - hourMs, cost: '-5' },
  { name: 'young-ready', node: 'n', readyAt: now - 1000, createdAt: now - 100 * hourMs },
  { name: 'restarted', node: 'n', readyAt: now - hourMs, createdAt: 0, restarts: 3 },
  { name: 'young', node: 'n', readyAt: now - hourMs, createdAt: now - 2 * hourMs },
  { name: 'old', node: 'n', readyAt: now - hourMs, createdAt: 0 },
  { name: 'dear', node: 'n', readyAt: now - 1000, createdAt: now - 1000, cost: '7' },
];

test('choosePodsToDelete() goes down upstream order, whatever order the pods come in', () => {
  const pods = ladder.map(podWith);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(pods, { minLength: pods.length }),
      fc.integer({ min: 0, max: pods.length }),
      (shuffled, count) => {
        const chosen = choosePodsToDelete(shuffled, [], { count, now });
        assert.deepEqual(
          chosen.map(({ metadata }) => metadata.name).toSorted(),
          ladder
            .slice(0, count)
            .map(({ name = '' }) => name)
            .toSorted(),
        );
      },
    ),
  );
});

test('choosePodsToDelete() thins out the node with most related pods first', () => {
  const crowded = ['a', 'b'].map((name) => podWith({ name, node: 'full', readyAt: 0 }));
  const lonely = podWith({ name: 'c', node: 'empty', readyAt: now - 1000 });
  const related = [...crowded, lonely, podWith({ name: 'x', node: 'full', readyAt: 0 })];
  const [first] = choosePodsToDelete([lonely, ...crowded], related, { count: 1, now });
  assert.equal(first?.spec.nodeName, 'full');
});

test('a deletion cost that is no 32-bit integer counts as 0', () => {
  const plain = podWith({ name: 'a', node: 'n', readyAt: 0 });
  for (const cost of ['+5', '1e3', '5.0', '2147483648', '', ' 1', '-0', 'x', '007']) {
    const other = podWith({ name: 'a', node: 'n', readyAt: 0, cost });
    assert.equal(order(plain, other), 0, cost);
  }
  const lowest = podWith({ name: 'a', node: 'n', readyAt: 0, cost: '-2147483648' });
  assert.equal(order(lowest, plain) < 0, true);
});

test('pods that have been ready for about as long are told apart by uid, not by age', () => {
  const older = podWith({ name: 'a', uid: '1', node: 'n', readyAt: now - 1.5 * hourMs });
  const younger = podWith({ name: 'b', uid: '2', node: 'n', readyAt: now - 1.4 * hourMs });
  assert.equal(order(older, younger) < 0, true);
});

test('compareForDeletion() is a strict weak order over pods with times', () => {
  const traits: fc.Arbitrary<PodTraits> = fc.record({
    uid: fc.constantFrom('1', '2', '3'),
    node: fc.constantFrom('m', 'n'),
    phase: fc.constantFrom('Pending', 'Running', 'Unknown'),
    readyAt: fc.constantFrom(0, now - hourMs, now - 1000, now),
    createdAt: fc.constantFrom(0, now - hourMs, now),
    cost: fc.constantFrom('-1', '0', '1'),
    restarts: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(traits, traits, (a, b) => {
      const forth = order(podWith(a), podWith(b));
      const back = order(podWith(b), podWith(a));
      assert.equal(Math.sign(forth) + Math.sign(back), 0);
    }),
  );
});

function order(a: ReturnType<typeof podWith>, b: ReturnType<typeof podWith>): number {
  return compareForDeletion({ pod: a, neighbours: 0 }, { pod: b, neighbours: 0 }, now);
}
