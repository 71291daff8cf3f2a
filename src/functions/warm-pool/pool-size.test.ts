import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { memoryMs, PoolSize, shareOf } from './pool-size.ts';

test('wanted() is one before any demand, and the largest burst after', () => {
  const size = new PoolSize();
  assert.equal(size.wanted(0, 32), 1);
  for (let call = 0; call < 5; call += 1) size.record(1, call * 100);
  assert.equal(size.wanted(1000, 32), 5);
  size.record(2, 5000);
  assert.equal(size.wanted(6000, 32), 5);
  assert.equal(size.wanted(6000, 3), 3);
});

test('wanted() forgets a burst after ten minutes and goes back to what came since', () => {
  const size = new PoolSize();
  size.record(9, 0);
  size.record(4, 60_000);
  assert.equal(size.forgetsInMs(100_000), memoryMs - 100_000);
  assert.equal(size.wanted(memoryMs - 1, 32), 9);
  assert.equal(size.wanted(memoryMs, 32), 4);
  assert.equal(size.wanted(memoryMs + 60_000, 32), 1);
  assert.equal(size.forgetsInMs(memoryMs + 60_000), undefined);
});

test('property: wanted() is never less than any burst of the window asked for', () => {
  const steps = fc.array(
    fc.record({
      pods: fc.integer({ min: 1, max: 9 }),
      afterMs: fc.integer({ min: 0, max: 90_000 }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (given) => {
      const size = new PoolSize();
      let now = 0;
      const seen: { readonly at: number; readonly pods: number }[] = [];
      for (const { pods, afterMs } of given) {
        now += afterMs;
        size.record(pods, now);
        seen.push({ at: now, pods });
        const recent = seen.filter(({ at }) => now - at < memoryMs - 2000);
        assert.equal(size.wanted(now, 1000) >= Math.max(...recent.map((it) => it.pods)), true);
      }
    }),
  );
});

test('shareOf() divides what there may be in proportion', () => {
  assert.equal(shareOf(3, 10, 10), 3);
  assert.equal(shareOf(3, 10, Infinity), 3);
  assert.equal(shareOf(5, 10, 4), 2);
  assert.equal(shareOf(1, 10, 4), 0);
  assert.equal(shareOf(1, 1, 0), 0);
});
