import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlowWatcherError, type StoreBatch, type StoreEvent } from '../store.ts';
import { collect, committed, deleteKey, putText, text } from '../testing/texts.ts';
import type { OpenStore } from './open-store.contract.ts';

/** Watches: replay, hand-over to live, filters, bounds, ends. */
export function watchTests(open: OpenStore): void {
  const shape = ({ revision, events }: StoreBatch): unknown => [
    revision,
    ...events.map(
      ({ kind, key, value, previous, createRevision }: StoreEvent) =>
        `${kind} ${key}=${text(value)} was ${text(previous?.value)}@${previous?.modRevision ?? 0} of ${createRevision}`,
    ),
  ];

  test('replays from the given revision, then goes on live', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    await committed(store, putText('a', '2'), putText('b', '2'));
    const watching = collect(store, { prefix: '', after: 1 }, 4);
    await committed(store, deleteKey('a'));
    await committed(store, putText('a', '4'));
    await committed(store, putText('a', '5'), deleteKey('b'));
    const expected = [
      [2, 'put a=2 was 1@1 of 1', 'put b=2 was undefined@0 of 2'],
      [3, 'delete a=undefined was 2@2 of 1'],
      [4, 'put a=4 was undefined@0 of 4'],
      [5, 'put a=5 was 4@4 of 4', 'delete b=undefined was 2@2 of 2'],
    ];
    assert.deepEqual((await watching).map(shape), expected);
    const replayed = await collect(store, { prefix: '', after: 1 }, 4);
    assert.deepEqual(replayed.map(shape), expected);
  });

  test('yields the same events live as from history', async () => {
    await using store = await open({});
    const live = collect(store, { prefix: '', after: 0 }, 2);
    await committed(store, putText('a', '1'));
    const now = collect(store, { prefix: '', after: 1 }, 1);
    await committed(store, putText('a', '2'));
    assert.deepEqual((await now).map(shape), [[2, 'put a=2 was 1@1 of 1']]);
    assert.deepEqual(
      (await live).map(shape),
      (await collect(store, { prefix: '', after: 0 }, 2)).map(shape),
    );
  });

  test('yields only events of the prefix', async () => {
    await using store = await open({});
    const live = collect(store, { prefix: '/p/', after: 0 }, 2);
    await committed(store, putText('/p', '1'), putText('/p/x', '1'), putText('/q/x', '1'));
    await committed(store, putText('/q/x', '2'));
    await committed(store, deleteKey('/p/x'));
    const keys = (batches: StoreBatch[]): unknown =>
      batches.map(({ revision, events }) => [revision, events.map(({ key }) => key)]);
    const expected = [
      [1, ['/p/x']],
      [3, ['/p/x']],
    ];
    assert.deepEqual(keys(await live), expected);
    assert.deepEqual(keys(await collect(store, { prefix: '/p/', after: 0 }, 2)), expected);
  });

  test('skips what is up to a revision that is not yet reached', async () => {
    await using store = await open({});
    const watching = collect(store, { prefix: '', after: 2 }, 1);
    await committed(store, putText('a', '1'));
    await committed(store, putText('a', '2'));
    await committed(store, putText('a', '3'));
    assert.deepEqual((await watching).map(shape), [[3, 'put a=3 was 2@2 of 1']]);
  });

  test('misses and repeats nothing when it starts in the middle of many writes', async () => {
    await using store = await open({});
    const total = 3000;
    const writing = Promise.all(
      Array.from({ length: total }, (_, index) =>
        committed(store, putText(`k${index % 7}`, `${index}`)),
      ),
    );
    const watchers: Promise<StoreBatch[]>[] = [];
    for (let after = 0; after < 2000; after += 250) {
      watchers.push(collect(store, { prefix: '', after }, total - after));
      await store.get('k0');
    }
    await writing;
    watchers.push(collect(store, { prefix: '', after: 10 }, total - 10));
    for (const watcher of watchers) {
      const revisions = (await watcher).map(({ revision }) => revision);
      const first = total - revisions.length + 1;
      assert.deepEqual(
        revisions,
        revisions.map((_, index) => first + index),
      );
    }
  });

  test('never yields an event before the store is at its revision', async () => {
    await using store = await open({});
    const abort = new AbortController();
    let seen = 0;
    const watching = (async () => {
      for await (const { revision } of store.watch({
        prefix: '',
        after: 0,
        signal: abort.signal,
      })) {
        assert.ok(store.revision() >= revision);
        assert.ok((await store.get('a'))?.modRevision ?? 0 >= revision);
        seen += 1;
        if (seen === 100) return;
      }
    })();
    for (let index = 0; index < 100; index += 1) await committed(store, putText('a', `${index}`));
    await watching;
  });

  test('ends when its signal aborts, also before it started and while it waits', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    const aborted = store.watch({ prefix: '', after: 0, signal: AbortSignal.abort() });
    for await (const batch of aborted) assert.fail(`yielded revision ${batch.revision}`);
    const abort = new AbortController();
    const seen: number[] = [];
    for await (const { revision } of store.watch({ prefix: '', after: 0, signal: abort.signal })) {
      seen.push(revision);
      setImmediate(() => abort.abort());
    }
    assert.deepEqual(seen, [1]);
  });

  test('throws SlowWatcherError after what was queued, and can go on from there', async () => {
    await using store = await open({ watchLimits: { batches: 10, bytes: 1_000_000 } });
    const abort = new AbortController();
    const watch = store.watch({ prefix: '', after: 0, signal: abort.signal });
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { revision } of watch) {
        seen.push(revision);
        if (revision === 1) {
          for (let index = 0; index < 30; index += 1) await committed(store, putText('a', 'x'));
        }
      }
    })();
    await committed(store, putText('a', '0'));
    await assert.rejects(reading, SlowWatcherError);
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const rest = await collect(store, { prefix: '', after: 11 }, 20);
    assert.deepEqual(rest.at(-1)?.revision, 31);
  });

  test('bounds the bytes that wait for a slow reader', async () => {
    await using store = await open({ watchLimits: { batches: 1000, bytes: 1000 } });
    const abort = new AbortController();
    let batches = 0;
    const reading = (async () => {
      for await (const { revision } of store.watch({
        prefix: '',
        after: 0,
        signal: abort.signal,
      })) {
        batches += 1;
        if (revision > 1) continue;
        for (let index = 0; index < 5; index += 1)
          await committed(store, putText('b', 'x'.repeat(400)));
      }
    })();
    await committed(store, putText('b', 'x'));
    await assert.rejects(reading, SlowWatcherError);
    assert.equal(batches, 2);
  });

  test('ends with an error when the store is closed', async () => {
    const store = await open({});
    const watching = assert.rejects(
      collect(store, { prefix: 'p', after: 0 }, 1),
      /Cannot watch "p": the store is closed/u,
    );
    await committed(store, putText('a', '1'));
    await store[Symbol.asyncDispose]();
    await watching;
  });
}
