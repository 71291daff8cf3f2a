import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { within } from '../testing/open-test-server.ts';
import { EventHub, type Attachment } from './event-hub.ts';
import { follow } from './follow.ts';

const bytes = Buffer.from('{"metadata":{"name":"a"}}');

async function put(store: Store, key: string): Promise<number> {
  const result = await store.commit({
    compare: [],
    writes: [{ kind: 'put', key, value: bytes }],
  });
  assert.equal(result.kind, 'committed');
  return result.kind === 'committed' ? result.revision : 0;
}

/** A hub that follows a store until the end of a test. */
async function openHub(store: Store) {
  const hub = new EventHub(store, silentLog);
  const stopping = new AbortController();
  const running = hub.run(stopping.signal);
  return {
    hub,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function reach(hub: EventHub, revision: number): Promise<void> {
  const signal = AbortSignal.timeout(5000);
  while (hub.position < revision) await systemClock.sleep(1, signal);
}

async function keys({ replay, queue }: Attachment, count: number): Promise<readonly string[]> {
  const found = replay.map(({ key }) => key);
  if (found.length >= count) return found;
  for await (const item of queue) {
    if (item.kind === 'event') found.push(item.event.key);
    if (found.length >= count) break;
  }
  return found;
}

test('attach() replays what came after the revision and goes on live, each change once', async () => {
  await using store = openMemoryStore();
  await using opened = await openHub(store);
  const { hub } = opened;
  await put(store, '/registry/core/pods/a/1');
  const after = await put(store, '/registry/core/pods/a/2');
  const last = await put(store, '/registry/core/pods/a/3');
  await reach(hub, last);
  const attachment = hub.attach('/registry/core/pods/', after);
  assert.ok(attachment !== undefined);
  await put(store, '/registry/core/secrets/a/x');
  await put(store, '/registry/core/pods/b/4');
  const seen = await within(keys(attachment, 2), 'two events');
  assert.deepEqual(seen, ['/registry/core/pods/a/3', '/registry/core/pods/b/4']);
});

test('attach() of a namespace leaves out others', async () => {
  await using store = openMemoryStore();
  await using opened = await openHub(store);
  const attachment = opened.hub.attach('/registry/core/pods/a/', 0);
  assert.ok(attachment !== undefined);
  await put(store, '/registry/core/pods/ab/1');
  await put(store, '/registry/core/pods/a/2');
  assert.deepEqual(await within(keys(attachment, 1), 'an event'), ['/registry/core/pods/a/2']);
});

test('announceProgress() follows every change up to its revision in the queue', async () => {
  await using store = openMemoryStore();
  await using opened = await openHub(store);
  const { hub } = opened;
  const attachment = hub.attach('/registry/core/pods/', 0);
  assert.ok(attachment !== undefined);
  await put(store, '/registry/core/pods/a/1');
  const last = await put(store, '/registry/core/secrets/a/1');
  await reach(hub, last);
  hub.announceProgress();
  const items: unknown[] = [];
  for await (const item of attachment.queue) {
    items.push(item.kind === 'event' ? item.event.key : item.revision);
    if (items.length === 2) break;
  }
  assert.deepEqual(items, ['/registry/core/pods/a/1', last]);
});

test('a watcher that does not read is ended, and others are not held up', async () => {
  await using store = openMemoryStore();
  await using opened = await openHub(store);
  const { hub } = opened;
  const lazy = hub.attach('/registry/core/pods/', 0);
  assert.ok(lazy !== undefined);
  let last = 0;
  for (let i = 0; i < 5000; i += 1) last = await put(store, `/registry/core/pods/a/${i}`);
  await reach(hub, last);
  let read = 0;
  for await (const { kind } of lazy.queue) read += kind === 'event' ? 1 : 0;
  assert.equal(read, 4096);
});

test('follow() goes from the store to the hub without loss or repetition', async () => {
  await using store = openMemoryStore();
  for (let i = 0; i < 5; i += 1) await put(store, `/registry/core/pods/a/${i}`);
  await using opened = await openHub(store);
  const stop = new AbortController();
  const request = { prefix: '/registry/core/pods/', after: 2, signal: stop.signal };
  assert.equal(opened.hub.attach(request.prefix, request.after), undefined);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const item of follow(opened.hub, store, request)) {
      if (item.kind === 'event') seen.push(item.event.key.slice(-1));
      if (seen.length === 3) await put(store, '/registry/core/pods/a/8');
      if (seen.length === 4) await put(store, '/registry/core/pods/a/9');
      if (seen.length === 5) stop.abort();
    }
  })();
  await within(reading, 'five events');
  assert.deepEqual(seen, ['2', '3', '4', '8', '9']);
});
