/**
 * The process that the crash test kills: writes to the store at PATH from many writers at once, and
 * reads it through one watch from revision AFTER on. Says on stdout, one line each, synchronously:
 *
 *     issue ID              before a transaction is committed
 *     ack ID REVISION       when it is acknowledged
 *     seen REVISION ID      for each batch of the watch
 *
 * Usage: node crash-writer.ts PATH AFTER LIFE
 */
import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { openLmdbStore } from '../lmdb/open-lmdb-store.ts';
import type { Entry, Store, Write } from '../store.ts';
import { idOf } from './crash-id.ts';

const writers = 16;
const slots = 8;
const [path = '', after = '0', life = '0'] = process.argv.slice(2);

let seen = Number(after);

/** Past `process.stdout`, which would queue in this process what the pipe has no room for. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Now and then large enough for pages of its own. */
function padding(): string {
  return 'x'.repeat(randomInt(20) === 0 ? randomInt(30_000) : randomInt(300));
}

function writesOf(id: string, writer: number, count: number): Write[] {
  const key = `/slots/${writer}/${randomInt(slots)}`;
  const value = Buffer.from(`${id} ${padding()}`);
  const slot: Write = randomInt(4) === 0 ? { kind: 'delete', key } : { kind: 'put', key, value };
  const sequence = Buffer.from(`${id} ${count}`);
  return [{ kind: 'put', key: `/sequence/${writer}`, value: sequence }, slot];
}

async function write(store: Store, writer: number): Promise<void> {
  const key = `/sequence/${writer}`;
  let modRevision = (await store.get(key))?.modRevision ?? 0;
  for (let count = 0; ; count += 1) {
    const id = `${life}.${writer}.${count}`;
    say(`issue ${id}`);
    const result = await store.commit({
      compare: [{ key, modRevision }],
      writes: writesOf(id, writer, count),
    });
    if (result.kind === 'conflict') throw new Error(`Lost ${key} to ${describe(result.current)}`);
    modRevision = result.revision;
    say(`ack ${id} ${result.revision}`);
  }
}

function describe(entry: Entry | undefined): string {
  return entry === undefined ? 'nobody' : idOf(entry.value);
}

async function read(store: Store): Promise<void> {
  const { signal } = new AbortController();
  for await (const { revision, events } of store.watch({ prefix: '/', after: seen, signal })) {
    const [first] = events;
    say(`seen ${revision} ${first?.value === undefined ? '' : idOf(first.value)}`);
    seen = revision;
  }
}

/** Forgets, in many small steps, what the reader had seen before this life. */
async function compact(store: Store): Promise<void> {
  for (let revision = store.compactedRevision(); revision < Number(after);) {
    revision = Math.min(revision + 50, Number(after));
    await store.compact(revision);
  }
}

const store = await openLmdbStore({ path });
// Node would do this at exit, which never comes: later lives start in half the time.
if (Number(life) < 3) flushCompileCache();
await Promise.all([
  read(store),
  compact(store),
  ...Array.from({ length: writers }, (_, writer) => write(store, writer)),
]);
