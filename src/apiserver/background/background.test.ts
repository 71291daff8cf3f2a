import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime } from '../../api/index.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { openTestServer } from '../testing/open-test-server.ts';
import { Compactor } from './compact.ts';

const minuteMs = 60_000;

/** A clock that stands still until it is moved. */
function handClock(): Clock & { moveMs: (ms: number) => void } {
  let now = 1_000_000_000_000;
  return {
    ...systemClock,
    now: () => now,
    monotonic: () => now,
    moveMs: (ms) => {
      now += ms;
    },
  };
}

async function put(store: Store): Promise<void> {
  await store.commit({
    compare: [],
    writes: [{ kind: 'put', key: '/registry/core/secrets/a/b', value: new Uint8Array() }],
  });
}

test('compact() keeps at least five minutes of history and forgets what is older', async () => {
  await using store = openMemoryStore();
  const clock = handClock();
  const compactor = new Compactor(store, clock);
  for (let minute = 0; minute < 10; minute += 1) {
    await put(store);
    await compactor.compact();
    assert.equal(store.compactedRevision(), Math.max(0, minute - 4));
    clock.moveMs(minuteMs);
  }
});

test('run() removes Events that nobody has seen for an hour', async () => {
  const clock = handClock();
  // Only the housekeeping waits on this clock: each of its periods is over at once.
  const waits: (() => void)[] = [];
  const sleep: Clock['sleep'] = (_ms, signal) =>
    new Promise((resolve, reject) => {
      waits.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  await using under = await openTestServer({ clock: { ...clock, sleep } });
  const path = '/api/v1/namespaces/default/events';
  const event = (name: string, ageMs: number) => ({
    metadata: { name, namespace: 'default' },
    involvedObject: { namespace: 'default', name: 'x' },
    lastTimestamp: formatTime(clock.now() - ageMs),
    type: 'Normal',
    reason: 'Because',
  });
  // What is old was created long ago too.
  assert.equal((await under.http.sendJson('POST', path, event('old', 0))).status, 201);
  clock.moveMs(59 * minuteMs);
  assert.equal((await under.http.sendJson('POST', path, event('new', 0))).status, 201);
  const events = under.http.watch(`${path}?watch=true&resourceVersion=${under.store.revision()}`);
  const first = events.next();
  clock.moveMs(2 * minuteMs);
  for (const resolve of waits.splice(0)) resolve();
  const { value } = await first;
  assert.equal(`${value?.type} ${value?.object.metadata.name}`, 'DELETED old');
  assert.equal((await under.http.send({ path: `${path}/new` })).status, 200);
});
