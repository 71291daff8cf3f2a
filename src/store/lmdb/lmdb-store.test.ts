import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixRange } from '../key.ts';
import { StoreBusyError } from '../store.ts';
import { describeStore } from '../store.contract.ts';
import { collect, committed, deleteKey, putText, text } from '../testing/texts.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { openThrowawayStore } from '../testing/throwaway-store.ts';
import { openEnvironment } from './environment.ts';
import { openLmdbStore } from './open-lmdb-store.ts';

describeStore('openLmdbStore()', openThrowawayStore);

test('compact() lets commits through while it works', async () => {
  await using store = await openThrowawayStore({});
  await Promise.all(
    Array.from({ length: 5000 }, (_, index) => committed(store, putText(`k${index % 50}`, 'x'))),
  );
  const order: string[] = [];
  const compaction = store.compact(5000).then(() => order.push('compacted'));
  await committed(store, putText('k0', 'y')).then(() => order.push('committed'));
  await compaction;
  assert.deepEqual(order, ['committed', 'compacted']);
  assert.equal((await store.range(prefixRange(''))).count, 50);
});

test('compact() leaves nothing in the file but what can be seen', async () => {
  await using folder = await temporaryFolder();
  {
    await using store = await openLmdbStore({ path: folder.path });
    for (let round = 0; round < 3; round += 1) {
      for (const key of ['a', 'b', 'c', 'd']) {
        await committed(store, putText(key, `${round}`), putText(`${key}x`, `${round}`));
        await committed(store, deleteKey(`${key}x`));
      }
    }
    await store.compact(store.revision());
  }
  const env = await openEnvironment(folder.path);
  const sizes = [env.log, env.heads, env.graves].map((table) => table.getKeysCount());
  await env.close();
  assert.deepEqual(sizes, [4, 4, 0]);
});

test('openLmdbStore() finds everything that was there before', async () => {
  await using folder = await temporaryFolder();
  {
    await using store = await openLmdbStore({ path: folder.path });
    await committed(store, putText('a', '1'), putText('b', '1'));
    await committed(store, putText('a', '2'), deleteKey('b'));
    await committed(store, putText('c', '3'));
    await store.compact(1);
  }
  await using store = await openLmdbStore({ path: folder.path });
  assert.deepEqual([store.revision(), store.compactedRevision()], [3, 1]);
  assert.equal(text((await store.get('b', { revision: 1 }))?.value), '1');
  const batches = await collect(store, { prefix: '', after: 1 }, 2);
  assert.deepEqual(
    batches.map(({ events }) => events.map(({ kind, previous }) => [kind, text(previous?.value)])),
    [
      [
        ['put', '1'],
        ['delete', '1'],
      ],
      [['put', undefined]],
    ],
  );
  assert.equal(await committed(store, putText('a', '4')), 4);
});

test('close waits for the commits that were asked for', async () => {
  await using folder = await temporaryFolder();
  const store = await openLmdbStore({ path: folder.path });
  const commits = Array.from({ length: 100 }, (_, index) =>
    committed(store, putText(`k${index}`, 'x')),
  );
  await store[Symbol.asyncDispose]();
  assert.equal((await Promise.all(commits)).at(-1), 100);
  await using again = await openLmdbStore({ path: folder.path });
  assert.equal((await again.range(prefixRange(''))).count, 100);
});

test('commit() refuses more than 65,536 waiting commits, and does the others', async () => {
  await using store = await openThrowawayStore({});
  const results = await Promise.allSettled(
    Array.from({ length: 65_540 }, () => committed(store, deleteKey('a'))),
  );
  const refused = results.filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 4);
  for (const result of refused) {
    assert.ok(result.status === 'rejected' && result.reason instanceof StoreBusyError);
  }
  assert.equal(store.revision(), 65_536);
});
