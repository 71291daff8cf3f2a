import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CompactedError, FutureRevisionError, type Store, type Write } from '../store.ts';
import { StoreModel } from '../testing/store-model.ts';
import { collect } from '../testing/texts.ts';
import type { OpenStore } from './open-store.contract.ts';

const keys = ['a', 'a/', 'a/b', 'a/b/c', 'a0', 'b', 'é', '\u{E000}', '\u{1F600}'];
const bounds = ['', ...keys, 'a/z', '\u{10FFFF}'];

type Action =
  | {
      readonly kind: 'commit';
      /** Whether each comparison names the revision that is there, or another one. */
      readonly compare: readonly { readonly key: string; readonly right: boolean }[];
      readonly writes: readonly Write[];
    }
  /** Fractions are of the revisions that there are, so that they stay meaningful when shrunk. */
  | { readonly kind: 'compact'; readonly at: number }
  | {
      readonly kind: 'range';
      readonly start: string;
      readonly end: string;
      readonly limit: number | undefined;
      readonly at: number | undefined;
    }
  | { readonly kind: 'watch'; readonly prefix: string; readonly at: number };

/** Mostly two keys, so that they live and die many times. */
const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'a/b') },
  { weight: 1, arbitrary: fc.constantFrom(...keys) },
);
const fraction = fc.integer({ min: 0, max: 110 }).map((percent) => percent / 100);

const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      value: fc.uint8Array({ maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      compare: fc.array(fc.record({ key, right: fc.oneof(fc.constant(true), fc.boolean()) }), {
        maxLength: 2,
      }),
      writes: fc.uniqueArray(write, { selector: (one) => one.key, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      start: fc.constantFrom(...bounds),
      end: fc.constantFrom(...bounds),
      limit: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
      at: fc.option(fraction, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), at: fraction }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      prefix: fc.constantFrom('', 'a', 'a/', 'b', 'é'),
      at: fraction,
    }),
  },
);

/** Random work beside a model that keeps whole states. */
export function modelTests(open: OpenStore): void {
  test('agrees with the model in random commits, ranges, watches and compactions', async () => {
    const property = fc.asyncProperty(
      fc.array(action, { maxLength: 40, size: 'max' }),
      async (actions) => {
        await using store = await open({});
        await followModel(store, actions);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
}

async function followModel(store: Store, actions: readonly Action[]): Promise<void> {
  const model = new StoreModel();
  const pending: Promise<void>[] = [];
  for (const next of actions) {
    // Commits are not waited for, so that they come in groups; all else sees what is acknowledged.
    if (next.kind === 'commit') pending.push(commit(store, model, next));
    else {
      await Promise.all(pending.splice(0));
      await perform(store, model, next);
    }
  }
  await Promise.all(pending);
  assert.equal(store.revision(), model.revision);
  for (let revision = model.compacted; revision <= model.revision; revision += 1) {
    const everything = { start: '', end: '\u{10FFFF}', revision };
    assert.deepEqual(plain(await store.range(everything)), plain(model.range(everything)));
  }
  await checkWatch(store, model, { prefix: '', after: model.compacted });
}

async function commit(
  store: Store,
  model: StoreModel,
  { compare, writes }: Action & { kind: 'commit' },
): Promise<void> {
  const transaction = {
    writes,
    compare: compare.map(({ key: name, right }) => {
      const actual = model.get(name, model.revision)?.modRevision ?? 0;
      return { key: name, modRevision: right ? actual : actual + 1 };
    }),
  };
  const expected = model.commit(transaction);
  assert.deepEqual(plain(await store.commit(transaction)), plain(expected));
}

async function perform(
  store: Store,
  model: StoreModel,
  next: Exclude<Action, { kind: 'commit' }>,
): Promise<void> {
  const revision = next.at === undefined ? undefined : Math.round(next.at * model.revision);
  switch (next.kind) {
    case 'range':
      await checkRange(store, model, { ...next, ...(revision === undefined ? {} : { revision }) });
      return;
    case 'watch':
      await checkWatch(store, model, { prefix: next.prefix, after: revision ?? 0 });
      return;
    case 'compact':
      await checkCompact(store, model, revision ?? 0);
  }
}

async function checkCompact(store: Store, model: StoreModel, revision: number): Promise<void> {
  if (revision > model.revision) {
    await assert.rejects(store.compact(revision), FutureRevisionError);
    return;
  }
  await store.compact(revision);
  model.compacted = Math.max(model.compacted, revision);
  assert.equal(store.compactedRevision(), model.compacted);
}

async function checkRange(
  store: Store,
  model: StoreModel,
  range: Action & { kind: 'range' } & { readonly revision?: number },
): Promise<void> {
  const { start, end, limit, revision } = range;
  const request = {
    start,
    end,
    ...(limit === undefined ? {} : { limit }),
    ...(revision === undefined ? {} : { revision }),
  };
  if (revision !== undefined && revision > model.revision) {
    await assert.rejects(store.range(request), FutureRevisionError);
  } else if (revision !== undefined && revision < model.compacted) {
    await assert.rejects(store.range(request), CompactedError);
  } else {
    assert.deepEqual(plain(await store.range(request)), plain(model.range(request)));
    const at = { revision: revision ?? model.revision };
    for (const name of keys) {
      assert.deepEqual(plain(await store.get(name, at)), plain(model.get(name, at.revision)));
    }
  }
}

async function checkWatch(
  store: Store,
  model: StoreModel,
  request: { readonly prefix: string; readonly after: number },
): Promise<void> {
  const expected = model.watch(request.prefix, request.after);
  if (request.after < model.compacted) {
    await assert.rejects(collect(store, request, 1), CompactedError);
    return;
  }
  assert.deepEqual(plain(await collect(store, request, expected.length)), plain(expected));
}

/** The same with values as text: stores may give any kind of Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
