import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { slowStart } from './slow-start.ts';

test('slowStart() doubles its batches and accounts for every call', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 70 }),
      fc.integer({ min: 0, max: 80 }),
      async (count, failsAt) => {
        let calls = 0;
        let atOnce = 0;
        const batches: number[] = [];
        const result = await slowStart(count, async () => {
          const call = calls;
          calls += 1;
          atOnce += 1;
          await Promise.resolve();
          if (atOnce > 0) batches.push(atOnce);
          atOnce = 0;
          if (call === failsAt) throw new Error('refused');
        });
        const failed = failsAt < count;
        assert.equal(result.succeeded + result.skipped + (failed ? 1 : 0), count);
        assert.equal(calls, count - result.skipped);
        assert.equal(result.error?.message, failed ? 'refused' : undefined);
        batches.slice(0, -1).forEach((size, index) => assert.equal(size, 2 ** index));
      },
    ),
  );
});
