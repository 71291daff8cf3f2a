import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixRange } from '../key.ts';
import { collect, committed, deleteKey, putText, text, textOf } from '../testing/texts.ts';
import type { OpenStore } from './open-store.contract.ts';

const everything = prefixRange('');

/** Transactions: revisions, comparisons, atomicity, order. */
export function commitTests(open: OpenStore): void {
  test('gives each transaction the next revision, shared by its writes', async () => {
    await using store = await open({});
    assert.equal(store.revision(), 0);
    assert.equal(await committed(store, putText('a', '1'), putText('b', '2')), 1);
    assert.equal(await committed(store, putText('a', '3'), deleteKey('b'), putText('c', '4')), 2);
    assert.equal(store.revision(), 2);
    assert.deepEqual(textOf(await store.get('a')), ['a', '3', 1, 2]);
    assert.equal(await store.get('b'), undefined);
    assert.deepEqual(textOf(await store.get('c')), ['c', '4', 2, 2]);
  });

  test('gives a transaction without effect a revision, and no event', async () => {
    await using store = await open({});
    assert.equal(await committed(store, deleteKey('never')), 1);
    assert.equal(await committed(store), 2);
    assert.equal(await committed(store, putText('a', '1')), 3);
    const [batch] = await collect(store, { prefix: '', after: 0 }, 1);
    assert.equal(batch?.revision, 3);
  });

  test('starts a new life of a key with a new createRevision', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    await committed(store, putText('a', '2'));
    await committed(store, deleteKey('a'));
    await committed(store, putText('a', '3'));
    assert.deepEqual(textOf(await store.get('a')), ['a', '3', 4, 4]);
    assert.deepEqual(textOf(await store.get('a', { revision: 2 })), ['a', '2', 1, 2]);
    assert.equal(await store.get('a', { revision: 3 }), undefined);
  });

  test('applies nothing when one comparison fails, and names the first with its entry', async () => {
    await using store = await open({});
    await committed(store, putText('a', '1'));
    const result = await store.commit({
      compare: [
        { key: 'b', modRevision: 0 },
        { key: 'a', modRevision: 7 },
        { key: 'c', modRevision: 7 },
      ],
      writes: [putText('b', 'x'), putText('a', 'x')],
    });
    assert.equal(result.kind, 'conflict');
    assert.ok(result.kind === 'conflict');
    assert.equal(result.key, 'a');
    assert.deepEqual(textOf(result.current), ['a', '1', 1, 1]);
    assert.equal(store.revision(), 1);
    assert.equal(await store.get('b'), undefined);
  });

  test('says in a conflict that the key does not exist', async () => {
    await using store = await open({});
    const compare = [{ key: 'a', modRevision: 1 }];
    const result = await store.commit({ compare, writes: [putText('a', 'x')] });
    assert.deepEqual(result, { kind: 'conflict', key: 'a', current: undefined });
  });

  test('takes modRevision 0 for "must not exist", also after a delete', async () => {
    await using store = await open({});
    const create = {
      compare: [{ key: 'a', modRevision: 0 }],
      writes: [putText('a', '1')],
    };
    assert.equal((await store.commit(create)).kind, 'committed');
    assert.equal((await store.commit(create)).kind, 'conflict');
    await committed(store, deleteKey('a'));
    assert.equal((await store.commit(create)).kind, 'committed');
  });

  test('lets exactly one of many concurrent compare-and-swaps win', async () => {
    await using store = await open({});
    await committed(store, putText('a', '0'));
    const attempts = Array.from({ length: 50 }, (_, index) =>
      store.commit({
        compare: [{ key: 'a', modRevision: 1 }],
        writes: [putText('a', `${index}`)],
      }),
    );
    const results = await Promise.all(attempts);
    const winners = results.filter(({ kind }) => kind === 'committed');
    assert.equal(winners.length, 1);
    for (const result of results) {
      if (result.kind === 'conflict') assert.equal(result.current?.modRevision, 2);
    }
  });

  test('loses no increment of concurrent writers that retry', async () => {
    await using store = await open({});
    await committed(store, putText('n', '0'));
    const increment = async (): Promise<void> => {
      let current = await store.get('n');
      for (;;) {
        assert.ok(current !== undefined);
        const next = `${Number(text(current.value)) + 1}`;
        const compare = [{ key: 'n', modRevision: current.modRevision }];
        const result = await store.commit({ compare, writes: [putText('n', next)] });
        if (result.kind === 'committed') return;
        current = result.current;
      }
    };
    await Promise.all(Array.from({ length: 24 }, increment));
    assert.equal(text((await store.get('n'))?.value), '24');
    assert.equal(store.revision(), 25);
  });

  test('keeps the order in which transactions came', async () => {
    await using store = await open({});
    const revisions = await Promise.all(
      Array.from({ length: 300 }, (_, index) => committed(store, putText('a', `${index}`))),
    );
    assert.deepEqual(
      revisions,
      revisions.map((_, index) => index + 1),
    );
    assert.equal(text((await store.get('a'))?.value), '299');
    assert.equal(text((await store.get('a', { revision: 100 }))?.value), '99');
  });

  test('keeps any bytes of any length', async () => {
    await using store = await open({});
    const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (const length of [0, 1, 2000, 5000, 33_000, 70_000, 1_500_000]) {
      const value = Uint8Array.from({ length }, (_, index) => everyByte[index % 251] ?? 0);
      await store.commit({ compare: [], writes: [{ kind: 'put', key: `k${length}`, value }] });
      const entry = await store.get(`k${length}`);
      assert.ok(entry !== undefined && Buffer.compare(entry.value, value) === 0, `${length}`);
    }
    const { entries } = await store.range(everything);
    assert.deepEqual(
      entries.map(({ value }) => value.length).toSorted((a, b) => a - b),
      [0, 1, 2000, 5000, 33_000, 70_000, 1_500_000],
    );
  });

  test('does not see later changes of the buffer that was passed in', async () => {
    await using store = await open({});
    const value = Buffer.from('before');
    const commit = store.commit({ compare: [], writes: [{ kind: 'put', key: 'a', value }] });
    value.write('after!');
    await commit;
    assert.equal(text((await store.get('a'))?.value), 'before');
  });

  test('refuses an invalid key and a key that is written twice', async () => {
    await using store = await open({});
    const refused = (...writes: Parameters<typeof committed>[1][]): Promise<void> =>
      assert.rejects(store.commit({ compare: [], writes }), TypeError);
    await refused(putText('', 'x'));
    await refused(putText('\ud800', 'x'));
    await refused(putText('k'.repeat(1025), 'x'));
    await refused(putText('é'.repeat(513), 'x'));
    await refused(putText('a', '1'), deleteKey('a'));
    await assert.rejects(
      store.commit({ compare: [{ key: '', modRevision: 0 }], writes: [] }),
      TypeError,
    );
    assert.equal(await committed(store, putText('é'.repeat(512), 'x')), 1);
    assert.equal(text((await store.get('é'.repeat(512)))?.value), 'x');
  });

  test('refuses work after it was closed', async () => {
    const store = await open({});
    await committed(store, putText('a', '1'));
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.commit({ compare: [], writes: [] }), /closed/u);
    await assert.rejects(store.get('a'), /closed/u);
    await assert.rejects(store.range(everything), /closed/u);
    await assert.rejects(store.compact(1), /closed/u);
    await assert.rejects(collect(store, { prefix: '', after: 0 }, 1), /closed/u);
  });
}
