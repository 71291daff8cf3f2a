import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FairQueue } from './fair-queue.ts';

test('FairQueue hands out one of each group in turns', () => {
  const taken: string[] = [];
  let open = false;
  const queue = new FairQueue<string>({
    total: 100,
    limit: () => (open ? 100 : 0),
    take: (item) => taken.push(item),
  });
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.add(item, item.charAt(0));
  open = true;
  queue.add('c2', 'c');
  assert.deepEqual(taken, ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3']);
});

test('FairQueue passes over a group that is full, and hands out the rest when one is done', () => {
  const taken: string[] = [];
  const queue = new FairQueue<string>({ total: 3, limit: () => 1, take: (it) => taken.push(it) });
  for (const item of ['a1', 'a2', 'b1', 'b1', 'a3']) queue.add(item, item.charAt(0));
  assert.deepEqual(taken, ['a1', 'b1']);
  queue.drop('a2', 'a');
  queue.done('a');
  assert.deepEqual(taken, ['a1', 'b1', 'a3']);
});

test('FairQueue keeps both limits and loses nothing, whatever the order of adds and ends', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), group: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('done' as const), group: fc.integer({ min: 0, max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const running = new Map<string, number>();
      const handed = new Set<number>();
      const queue = new FairQueue<number>({
        total: 5,
        limit: () => 2,
        take: (item, group) => {
          assert.ok(!handed.has(item), 'handed out twice');
          handed.add(item);
          running.set(group, (running.get(group) ?? 0) + 1);
          const all = [...running.values()];
          assert.ok(all.every((count) => count <= 2));
          assert.ok(all.reduce((sum, count) => sum + count, 0) <= 5);
        },
      });
      const end = (group: string): void => {
        const count = running.get(group) ?? 0;
        if (count === 0) return;
        running.set(group, count - 1);
        queue.done(group);
      };
      let added = 0;
      for (const { kind, group } of steps) {
        if (kind === 'add') queue.add((added += 1), String(group));
        else end(String(group));
      }
      for (let round = 0; round < added; round += 1) for (const group of running.keys()) end(group);
      assert.equal(handed.size, added);
    }),
  );
});
