import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Client,
  createClient,
  holdLease,
  refs,
  type Term,
  type Transport,
} from '../src/client/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { aborted } from '../src/lib/wait.ts';
import { eventually, openControlPlane } from './testing/control-plane.ts';

const key = { namespace: 'default', name: 'leader' };

interface Candidate extends AsyncDisposable {
  readonly stop: () => Promise<void>;
  /** Resolves with the next term that begins. */
  readonly term: () => Promise<Term>;
}

function candidate(client: Client, identity: string, timing: object = {}): Candidate {
  const stop = new AbortController();
  let next = Promise.withResolvers<Term>();
  const running = holdLease(
    {
      client,
      key,
      identity,
      annotations: { holder: identity },
      clock: systemClock,
      log: silentLog,
      durationMs: 1000,
      renewDeadlineMs: 600,
      renewMs: 50,
      ...timing,
    },
    async (term) => {
      next.resolve(term);
      next = Promise.withResolvers();
      await aborted(term.signal);
    },
    stop.signal,
  );
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { stop: end, term: () => next.promise, [Symbol.asyncDispose]: end };
}

test('one candidate holds the lease; the next takes over at once when it is given back', async () => {
  await using plane = await openControlPlane({ controllers: false });
  await using first = candidate(plane.client, 'first', { durationMs: 60_000 });
  const term = await first.term();
  assert.equal(term.transitions, 0);
  const lease = await plane.client.resource(refs.leases).get(key);
  assert.equal(lease.spec?.holderIdentity, 'first');
  assert.equal(lease.metadata.annotations?.['holder'], 'first');
  await using second = candidate(plane.remote, 'second');
  const secondTerm = second.term();
  const startedAt = performance.now();
  await first.stop();
  assert.equal(term.signal.aborted, true);
  const { transitions } = await secondTerm;
  assert.equal(transitions > term.transitions, true);
  assert.equal(performance.now() - startedAt < 30_000, true);
  await second.stop();
  const after = await plane.client.resource(refs.leases).get(key);
  assert.equal(after.spec?.holderIdentity, '');
});

test('a lease that is no longer renewed is taken after its duration, the old term having ended', async () => {
  await using plane = await openControlPlane({ controllers: false });
  const stale = { holderIdentity: 'dead', leaseDurationSeconds: 1, leaseTransitions: 4 };
  await plane.client.resource(refs.leases).create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: key,
    spec: { ...stale, renewTime: '2001-01-01T00:00:00.000000Z' },
  });
  const startedAt = performance.now();
  await using next = candidate(plane.client, 'next');
  const { transitions } = await next.term();
  assert.equal(transitions, 5);
  // Judged by what was seen here, not by the time that the lease tells.
  assert.equal(performance.now() - startedAt >= 1000, true);
});

test('a holder whose lease was taken away ends its term and does not give it back', async () => {
  await using plane = await openControlPlane({ controllers: false });
  await using first = candidate(plane.client, 'first');
  const term = await first.term();
  const leases = plane.client.resource(refs.leases);
  const spec = { holderIdentity: 'usurper', leaseDurationSeconds: 3600 };
  await leases.patch(key, { spec }, { type: 'merge' });
  await aborted(term.signal);
  await first.stop();
  assert.equal((await leases.get(key)).spec?.holderIdentity, 'usurper');
});

test('a write to the lease by someone else costs the holder nothing', async () => {
  await using plane = await openControlPlane({ controllers: false });
  await using first = candidate(plane.client, 'first');
  const term = await first.term();
  const leases = plane.client.resource(refs.leases);
  const labelled = await leases.patch(key, { metadata: { labels: { a: 'b' } } }, { type: 'merge' });
  const before = labelled.spec?.renewTime;
  await eventually(plane, { ref: refs.leases }, ([now]) => now?.spec?.renewTime !== before);
  assert.equal(term.signal.aborted, false);
  assert.equal((await leases.get(key)).metadata.labels?.['a'], 'b');
});

test('a holder that cannot renew ends its term before the lease runs out for others', async () => {
  await using plane = await openControlPlane({ controllers: false });
  const user = { name: 'cut off', groups: ['system:masters'] };
  const transport = plane.server.inProcess(user);
  let cut = false;
  const breaking: Transport = {
    ...transport,
    send: async (request) => {
      if (cut) throw new Error('The network is down');
      return await transport.send(request);
    },
  };
  await using first = candidate(createClient(breaking, plane.signal), 'first');
  const term = await first.term();
  await using second = candidate(plane.client, 'second');
  const secondTerm = second.term();
  cut = true;
  await aborted(term.signal);
  assert.equal((await plane.client.resource(refs.leases).get(key)).spec?.holderIdentity, 'first');
  const { transitions } = await secondTerm;
  assert.equal(transitions, term.transitions + 1);
});
