import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { silentLog } from './log.ts';
import { WorkQueue } from './work-queue.ts';

test('WorkQueue leaves no timer behind when a reconcile that was under way asks for another one', async () => {
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const queue = new WorkQueue({ clock: systemClock, log: silentLog, concurrency: 1 }, async () => {
    begun.resolve();
    await finish.promise;
    return { requeueAfterMs: 3_600_000 };
  });
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = timers();
  const running = queue.run(stop.signal);
  queue.add('a');
  await begun.promise;
  stop.abort();
  finish.resolve();
  await running;
  assert.equal(timers(), before);
});
