import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixRange } from '../key.ts';
import { type Entry, FutureRevisionError } from '../store.ts';
import { committed, deleteKey, putText, text } from '../testing/texts.ts';
import type { OpenStore } from './open-store.contract.ts';

const everything = prefixRange('');

/** Reads at revisions: order, bounds, limits, counts. */
export function readTests(open: OpenStore): void {
  const keysOf = (entries: readonly Entry[]): string[] => entries.map(({ key }) => key);

  test('orders keys by the bytes of their UTF-8', async () => {
    await using store = await open({});
    const keys = ['a', 'a!', 'aa', 'b', 'z', 'é', '\u{D7FF}', '\u{E000}', '\u{FFFD}', '\u{1F600}'];
    const shuffled = keys.toReversed().map((key) => putText(key, key));
    await committed(store, ...shuffled);
    assert.deepEqual(keysOf((await store.range(everything)).entries), keys);
    const above = await store.range({ start: '\u{FFFD}', end: everything.end });
    assert.deepEqual(keysOf(above.entries), ['\u{FFFD}', '\u{1F600}']);
    const below = await store.range({ start: '\u{D7FF}', end: '\u{1F600}' });
    assert.deepEqual(keysOf(below.entries), ['\u{D7FF}', '\u{E000}', '\u{FFFD}']);
  });

  test('includes the start and excludes the end', async () => {
    await using store = await open({});
    await committed(store, ...['a', 'b', 'c', 'd'].map((key) => putText(key, key)));
    const result = await store.range({ start: 'b', end: 'd' });
    assert.deepEqual(keysOf(result.entries), ['b', 'c']);
    assert.deepEqual([result.count, result.more, result.revision], [2, false, 1]);
    assert.equal((await store.range({ start: 'd', end: 'b' })).count, 0);
    assert.equal((await store.range({ start: 'b', end: 'b' })).count, 0);
    assert.equal((await store.range({ start: '', end: '' })).count, 0);
  });

  test('finds exactly the keys of a prefix by prefixRange()', async () => {
    await using store = await open({});
    const keys = ['/a/', '/a/x', '/a/\u{10FFFF}', '/a0', '/b/'];
    await committed(store, ...keys.map((key) => putText(key, key)));
    assert.deepEqual(keysOf((await store.range(prefixRange('/a/'))).entries), keys.slice(0, 3));
    const last = prefixRange('/a/\u{10FFFF}');
    assert.deepEqual(keysOf((await store.range(last)).entries), keys.slice(2, 3));
    assert.equal((await store.range(prefixRange('\u{10FFFF}'))).count, 0);
  });

  test('cuts at the limit, and says so and how many there are', async () => {
    await using store = await open({});
    await committed(store, ...['a', 'b', 'c', 'd', 'e'].map((key) => putText(key, key)));
    const first = await store.range({ ...everything, limit: 2 });
    assert.deepEqual(keysOf(first.entries), ['a', 'b']);
    assert.deepEqual([first.more, first.count], [true, 5]);
    const exact = await store.range({ ...everything, limit: 5 });
    assert.deepEqual([exact.entries.length, exact.more, exact.count], [5, false, 5]);
    const none = await store.range({ ...everything, limit: 0 });
    assert.deepEqual([none.entries.length, none.more, none.count], [0, true, 5]);
  });

  test('reads pages of one revision while writes go on', async () => {
    await using store = await open({});
    const names = Array.from({ length: 3000 }, (_, index) => `k${String(index).padStart(5, '0')}`);
    await committed(store, ...names.map((key) => putText(key, 'old')));
    const read: string[] = [];
    for (let start = ''; ;) {
      const page = await store.range({ start, end: everything.end, limit: 700, revision: 1 });
      assert.ok(page.entries.every(({ value }) => text(value) === 'old'));
      assert.equal(page.count, names.length - read.length);
      read.push(...keysOf(page.entries));
      if (!page.more) break;
      start = `${read.at(-1)}\0`;
      const [gone, changed] = [names[read.length + 3], names[read.length + 4]];
      await committed(store, deleteKey(gone ?? ''), putText(changed ?? '', 'new'));
      await committed(store, putText(`${start}added`, 'new'));
    }
    assert.deepEqual(read, names);
  });

  test('shows one revision in a range that writes come in between', async () => {
    await using store = await open({});
    const names = Array.from({ length: 5000 }, (_, index) => `k${String(index).padStart(5, '0')}`);
    await committed(store, ...names.map((key) => putText(key, '0')));
    const writes: Promise<number>[] = [];
    for (let round = 0; round < 5; round += 1) {
      const range = store.range(everything);
      for (const key of names.filter((_, index) => index % 501 === round)) {
        writes.push(committed(store, deleteKey(key)), committed(store, putText(`${key}x`, '1')));
      }
      const { entries, count, revision } = await range;
      assert.equal(entries.length, count);
      assert.ok(entries.every(({ modRevision }) => modRevision <= revision));
      const added = entries.filter(({ key }) => key.endsWith('x')).length;
      assert.ok(count === names.length || count === names.length - 1, `${count} ${added}`);
      const again = await store.range({ ...everything, revision });
      assert.deepEqual(again.entries, entries);
    }
    await Promise.all(writes);
  });

  test('finds deleted and re-created keys as they were at a revision', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'), putText('b', '1'), putText('c', '1'));
    await committed(store, deleteKey('a'), putText('b', '2'));
    await committed(store, putText('a', '3'), deleteKey('c'));
    await committed(store, deleteKey('a'), putText('d', '4'));
    const seen = async (revision: number): Promise<string[]> => {
      const { entries, count } = await store.range({ ...everything, revision });
      assert.equal(count, entries.length);
      const counted = await store.range({ ...everything, revision, limit: 0 });
      assert.equal(counted.count, count);
      return entries.map((entry) => `${entry.key}${text(entry.value)}`);
    };
    assert.deepEqual(await seen(0), []);
    assert.deepEqual(await seen(1), ['a1', 'b1', 'c1']);
    assert.deepEqual(await seen(2), ['b2', 'c1']);
    assert.deepEqual(await seen(3), ['a3', 'b2']);
    assert.deepEqual(await seen(4), ['b2', 'd4']);
  });

  test('throws FutureRevisionError for a revision that is not yet reached', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    await assert.rejects(store.range({ ...everything, revision: 2 }), FutureRevisionError);
    await assert.rejects(store.get('a', { revision: 2 }), FutureRevisionError);
    await assert.rejects(store.compact(2), FutureRevisionError);
  });

  test('finds nothing for keys that cannot exist', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    assert.equal(await store.get(''), undefined);
    assert.equal(await store.get('x'.repeat(30_000)), undefined);
    const long = 'a'.repeat(30_000);
    assert.equal((await store.range({ start: '', end: long })).count, 1);
    assert.equal((await store.range({ start: long, end: everything.end })).count, 0);
    assert.equal((await store.range({ start: 'a', end: long, limit: 0 })).count, 1);
  });
}
