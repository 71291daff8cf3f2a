/**
 * A process that opens a store, for tests of what another process meets.
 *
 * Usage: node store-owner.ts hold PATH        says "open" and keeps it open until it is killed
 *        node store-owner.ts open PATH UID    gives up root for that user first, if it is root
 *        node store-owner.ts fill PATH        commits until the disk is full, and then on
 *        node store-owner.ts acknowledge PATH says "commit", commits, and says "acknowledged"
 */
import { writeSync } from 'node:fs';
import { openLmdbStore } from '../lmdb/open-lmdb-store.ts';
import { prefixRange } from '../key.ts';
import { committed, putText } from './texts.ts';

const [verb = '', path = '', uid = ''] = process.argv.slice(2);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function failureOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function hold(): Promise<void> {
  await openLmdbStore({ path });
  say('open');
  setInterval(() => undefined, 60_000);
}

/** Everything that the store needs is loaded by then, which the other user may not be allowed to. */
async function openAs(): Promise<void> {
  await import('../lmdb/environment.ts');
  await import('../lmdb/lmdb-store.ts');
  if (process.getuid?.() === 0) process.setuid?.(Number(uid));
  say(await failureOf(() => openLmdbStore({ path })));
}

async function fill(): Promise<void> {
  await using store = await openLmdbStore({ path });
  const value = 'x'.repeat(10_000);
  let failure = 'none';
  while (failure === 'none') {
    failure = await failureOf(() => committed(store, putText(`k${store.revision()}`, value)));
  }
  say(failure);
  say(await failureOf(() => committed(store, putText('again', value))));
  const { count } = await store.range(prefixRange('k'));
  say(`${store.revision()} ${count}`);
}

async function acknowledge(): Promise<void> {
  await using store = await openLmdbStore({ path });
  say('commit');
  await committed(store, putText('a', '1'));
  say('acknowledged');
}

switch (verb) {
  case 'acknowledge':
    await acknowledge();
    break;
  case 'hold':
    await hold();
    break;
  case 'open':
    await openAs();
    break;
  case 'fill':
    await fill();
    break;
  default:
    throw new Error(`Cannot ${verb}: there is no such verb`);
}
