import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixRange } from '../key.ts';
import { CompactedError } from '../store.ts';
import { collect, committed, deleteKey, putText, text, textOf } from '../testing/texts.ts';
import type { OpenStore } from './open-store.contract.ts';

const everything = prefixRange('');

/** Compaction: what it forgets and what it leaves alone. */
export function compactTests(open: OpenStore): void {
  test('makes older revisions unreadable and changes nothing else', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'), putText('b', '1'), putText('c', '1'));
    await committed(store, putText('a', '2'), deleteKey('b'));
    await committed(store, putText('a', '3'), deleteKey('c'));
    await committed(store, putText('b', '4'));
    await store.compact(2);
    assert.deepEqual([store.compactedRevision(), store.revision()], [2, 4]);
    await assert.rejects(store.range({ ...everything, revision: 1 }), CompactedError);
    await assert.rejects(store.get('a', { revision: 1 }), CompactedError);
    await assert.rejects(collect(store, { prefix: '', after: 1 }, 1), CompactedError);
    const seen = async (revision: number): Promise<string[]> => {
      const { entries } = await store.range({ ...everything, revision });
      return entries.map((entry) => `${entry.key}${text(entry.value)}@${entry.createRevision}`);
    };
    assert.deepEqual(await seen(2), ['a2@1', 'c1@1']);
    assert.deepEqual(await seen(3), ['a3@1']);
    assert.deepEqual(await seen(4), ['a3@1', 'b4@4']);
    const batches = await collect(store, { prefix: '', after: 2 }, 2);
    assert.deepEqual(
      batches.map(({ events }) => events.map(({ previous }) => text(previous?.value))),
      [['2', '1'], [undefined]],
    );
  });

  test('may be repeated and may go back, without effect', async () => {
    await using store = await open({});
    for (let index = 0; index < 5; index += 1) await committed(store, putText('a', `${index}`));
    await Promise.all([store.compact(4), store.compact(2), store.compact(4)]);
    assert.equal(store.compactedRevision(), 4);
    assert.equal(text((await store.get('a', { revision: 4 }))?.value), '3');
    await store.compact(5);
    assert.equal(text((await store.get('a'))?.value), '4');
    assert.deepEqual(await collect(store, { prefix: '', after: 5 }, 0), []);
  });

  test('leaves live watchers and ranges under way alone', async () => {
    await using store = await open({});
    const names = Array.from({ length: 10_000 }, (_, index) => `k${index + 10_000}`);
    await committed(store, ...names.map((key) => putText(key, 'old')));
    await store.compact(1);
    const watching = collect(store, { prefix: 'k1', after: 1 }, 1);
    await committed(store, ...names.slice(-100).map((key) => putText(key, 'new')));
    const range = store.range({ ...everything, revision: 1 });
    await store.compact(2);
    const { entries } = await range;
    assert.equal(entries.length, 10_000);
    assert.ok(entries.every(({ value }) => text(value) === 'old'));
    assert.equal((await watching)[0]?.revision, 2);
  });

  test('keeps what a later life of a deleted key has left', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    await committed(store, deleteKey('a'));
    await committed(store, putText('a', '3'));
    await committed(store, deleteKey('a'));
    await store.compact(2);
    assert.equal(await store.get('a', { revision: 2 }), undefined);
    assert.deepEqual(textOf(await store.get('a', { revision: 3 })), ['a', '3', 3, 3]);
    assert.equal((await store.range({ ...everything, revision: 3 })).count, 1);
    assert.equal(await store.get('a', { revision: 4 }), undefined);
  });
}
