import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap } from '../src/api/index.ts';
import { createInformer, refs } from '../src/client/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { openControlPlane } from './testing/control-plane.ts';
import { configMap } from './testing/objects.ts';

const deadline = () => AbortSignal.timeout(15_000);

for (const way of ['client', 'remote'] as const) {
  test(`an informer sees each of many concurrent writes once and in order (${way})`, async () => {
    await using plane = await openControlPlane({ controllers: false });
    const stop = new AbortController();
    const informer = createInformer({
      resource: plane[way].resource(refs.configmaps),
      namespace: 'default',
      clock: systemClock,
      log: silentLog,
    });
    const versions = new Map<string, number[]>();
    const done = Promise.withResolvers<void>();
    let deleted = 0;
    const count = 40;
    const note = ({ metadata }: ConfigMap): void => {
      const seen = versions.get(metadata.name) ?? [];
      versions.set(metadata.name, [...seen, Number(metadata.resourceVersion)]);
    };
    informer.handle({
      added: note,
      updated: note,
      deleted: (object) => {
        note(object);
        deleted += 1;
        if (deleted === count) done.resolve();
      },
    });
    const running = informer.run(stop.signal);
    await informer.synced(deadline());
    const resource = plane[way].resource(refs.configmaps);
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const name = `c${index}`;
        await resource.create(configMap(name));
        const key = { namespace: 'default', name };
        for (const step of ['1', '2', '3']) {
          await resource.patch(key, { data: { step } }, { type: 'merge' });
        }
        await resource.delete(key);
      }),
    );
    const late = deadline();
    late.addEventListener('abort', () => done.reject(late.reason as Error));
    await done.promise;
    assert.equal(versions.size, count);
    for (const seen of versions.values()) {
      assert.equal(seen.length, 5);
      assert.deepEqual(
        seen.toSorted((a, b) => a - b),
        seen,
      );
    }
    assert.deepEqual(informer.list(), []);
    stop.abort();
    await running;
  });
}
