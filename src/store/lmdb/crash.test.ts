import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { prefixRange } from '../key.ts';
import type { Entry, Store, StoreBatch } from '../store.ts';
import { idOf } from '../testing/crash-id.ts';
import { collect } from '../testing/texts.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { openLmdbStore } from './open-lmdb-store.ts';

const lanes = 2;
const killsPerLane = 105;

/** A child is killed after it has said this many lines at most, and then so many milliseconds. */
const mostLines = 1500;
const mostDelayMs = 15;

const writer = join(import.meta.dirname, '..', 'testing', 'crash-writer.ts');

/** What a life has said until it was killed. */
interface Life {
  readonly issued: ReadonlySet<string>;
  readonly acknowledged: ReadonlyMap<string, number>;
  readonly seen: readonly { readonly revision: number; readonly id: string }[];
}

test('kill -9 at random moments loses no acknowledged write and no event', async (t) => {
  const totals = await Promise.all(Array.from({ length: lanes }, () => runLane()));
  const sum = (of: (total: Totals) => number): number =>
    totals.reduce((before, total) => before + of(total), 0);
  const kills = sum((total) => total.kills);
  t.diagnostic(
    `${kills} kills, ${sum((total) => total.acknowledged)} acknowledged commits, ${sum((total) => total.unacknowledged)} more on disk, ${sum((total) => total.seen)} batches seen`,
  );
  assert.ok(kills >= 200);
  assert.ok(sum((total) => total.acknowledged) > kills);
});

interface Totals {
  kills: number;
  acknowledged: number;
  unacknowledged: number;
  seen: number;
}

async function runLane(): Promise<Totals> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'store');
  const cache = join(folder.path, 'compiled');
  const witness = new Witness();
  const totals: Totals = { kills: 0, acknowledged: 0, unacknowledged: 0, seen: 0 };
  for (; totals.kills < killsPerLane; totals.kills += 1) {
    const life = await liveAndDie({ path, cache, after: witness.seen, life: totals.kills });
    await using store = await openLmdbStore({ path });
    const before = witness.revision;
    await witness.check(store, life);
    totals.acknowledged += life.acknowledged.size;
    totals.unacknowledged += witness.revision - before - life.acknowledged.size;
    totals.seen += life.seen.length;
  }
  return totals;
}

/** Knows what must be in the store after all lives so far. */
class Witness {
  /** The revision up to which the watch of the dead has seen everything. */
  seen = 0;
  /** The revision up to which everything has been checked. */
  revision = 0;
  readonly #state = new Map<string, Entry>();
  /** Ids by revision, of what the reader has not seen yet. */
  readonly #unseen = new Map<number, string>();

  async check(store: Store, life: Life): Promise<void> {
    const found = await this.#readHistory(store);
    for (const [id, revision] of life.acknowledged) {
      assert.equal(found.get(id), revision, `acknowledged ${id}`);
    }
    for (const id of found.keys()) assert.ok(life.issued.has(id), `nobody issued ${id}`);
    this.#checkSeen(life);
    await this.#checkState(store);
  }

  /** Reads what is new, which must be without gaps; returns revisions by id. */
  async #readHistory(store: Store): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    const last = store.revision();
    assert.ok(last >= this.revision, 'the revision went back');
    const request = { prefix: '/', after: this.revision };
    for (const batch of await collect(store, request, last - this.revision)) {
      assert.equal(batch.revision, this.revision + 1);
      this.revision = batch.revision;
      const id = this.#apply(batch);
      found.set(id, batch.revision);
      this.#unseen.set(batch.revision, id);
    }
    return found;
  }

  #apply({ revision, events }: StoreBatch): string {
    const [sequence] = events;
    assert.ok(sequence?.value !== undefined);
    const id = idOf(sequence.value);
    for (const { key, value, previous, createRevision } of events) {
      assert.deepEqual(previous, this.#state.get(key));
      if (value === undefined) {
        this.#state.delete(key);
        continue;
      }
      assert.equal(idOf(value), id, 'a transaction was torn');
      this.#state.set(key, { key, value, createRevision, modRevision: revision });
    }
    return id;
  }

  /** The reader saw each batch once, in order, from where it had been on. */
  #checkSeen({ seen }: Life): void {
    for (const { revision, id } of seen) {
      assert.equal(revision, this.seen + 1);
      assert.equal(id, this.#unseen.get(revision));
      this.#unseen.delete(revision);
      this.seen = revision;
    }
  }

  async #checkState(store: Store): Promise<void> {
    const { entries, count } = await store.range(prefixRange(''));
    assert.equal(count, this.#state.size);
    for (const entry of entries) assert.deepEqual(entry, this.#state.get(entry.key));
  }
}

interface LifeOptions {
  readonly path: string;
  readonly cache: string;
  readonly after: number;
  readonly life: number;
}

/** Starts a writer and kills it at a random moment of its work, seldom of its start. */
async function liveAndDie({ path, cache, after, life }: LifeOptions): Promise<Life> {
  const child = spawn(process.execPath, [writer, path, `${after}`, `${life}`], {
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = randomInt(10) === 0 ? 0 : randomInt(mostLines);
  const chunks: Buffer[] = [];
  let errors = '';
  let heard = 0;
  const kill = (): void => {
    setTimeout(() => child.kill('SIGKILL'), randomInt(mostDelayMs));
  };
  if (lines === 0) setTimeout(kill, randomInt(150));
  child.stderr.on('data', (chunk) => (errors += String(chunk)));
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    const before = heard;
    for (const byte of chunk) if (byte === 10) heard += 1;
    if (lines > 0 && before < lines && heard >= lines) kill();
  });
  const { promise: closed, resolve } = Promise.withResolvers<NodeJS.Signals | null>();
  child.on('close', (_, signal) => resolve(signal));
  assert.equal(await closed, 'SIGKILL', errors);
  return parse(Buffer.concat(chunks).toString());
}

function parse(output: string): Life {
  const issued = new Set<string>();
  const acknowledged = new Map<string, number>();
  const seen: { revision: number; id: string }[] = [];
  // What follows the last line end was cut off by the kill.
  for (const line of output.split('\n').slice(0, -1)) {
    const [verb, first = '', second = ''] = line.split(' ');
    if (verb === 'issue') issued.add(first);
    else if (verb === 'ack') acknowledged.set(first, Number(second));
    else seen.push({ revision: Number(first), id: second });
  }
  return { issued, acknowledged, seen };
}
