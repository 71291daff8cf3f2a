import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeAutoscaler } from '../testing/fake-autoscaler.ts';
import { startPod } from '../testing/fake-pod.ts';
import { Harness, until } from '../testing/harness.ts';
import { RawClient } from '../testing/raw-client.ts';
import { Demand } from './demand.ts';

const post = { method: 'POST', body: '{}' };

async function connected(autoscaler: FakeAutoscaler): Promise<void> {
  await until(() => autoscaler.of('sample').length > 0, 'the gateway is connected');
}

test('Demand.sample() tells of a function from its first request until it has long been at rest', () => {
  const demand = new Demand();
  assert.equal(demand.sample('a/b', 1000, 0), undefined);
  demand.arrive(1);
  demand.inFlight = 1;
  assert.deepEqual(demand.sample('a/b', 1000, 50), {
    function: 'a/b',
    inFlight: 1,
    held: 0,
    idleMs: 0,
    arrived: 1,
  });
  demand.inFlight = 0;
  demand.end(100);
  assert.equal(demand.sample('a/b', 1000, 600)?.idleMs, 500);
  assert.equal(demand.sample('a/b', 1000, 1200)?.idleMs, 1100);
  assert.equal(demand.sample('a/b', 1000, 7000), undefined);
  demand.arrive(2);
  demand.end(7001);
  assert.equal(demand.sample('a/b', 1000, 7001)?.arrived, 1);
});

test('the first message is hello with the token of the Secret', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  assert.deepEqual(autoscaler.messages[0], {
    kind: 'hello',
    gateway: 'gateway-test',
    token: 'token-of-the-autoscaler',
  });
  assert.equal(autoscaler.malformed, 0);
});

test('a held request pokes at once, a burst with one message for all of it', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  gateway.function();
  const client = new RawClient(gateway.port);
  const started = performance.now();
  client.send('POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await until(() => autoscaler.of('poke').length === 1, 'a poke');
  assert.ok(performance.now() - started < 500);
  assert.deepEqual(autoscaler.of('poke')[0], { kind: 'poke', function: 'default/diff', held: 1 });
  client.socket.destroy();
});

test('refuse mode pokes too', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  gateway.function({ spec: { coldStart: 'refuse' } });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  await until(() => autoscaler.of('poke').length === 1, 'a poke');
});

test('a check neither pokes nor is counted', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  gateway.function();
  for (let index = 0; index < 5; index += 1) await gateway.fetch('/default/diff');
  gateway.leases.put(autoscaler.lease());
  await until(() => autoscaler.of('sample').length >= 2, 'two samples');
  assert.deepEqual(
    autoscaler.of('sample').flatMap((sample) => sample.functions),
    [],
  );
  assert.equal(autoscaler.of('poke').length, 0);
});

test('samples count a request from its first byte to its last', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  let end: () => void = () => undefined;
  await using pod = await startPod((request, response) => {
    request.resume();
    response.writeHead(200);
    response.write('begun');
    end = () => response.end();
  });
  gateway.function();
  gateway.pod(pod);
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  const response = await gateway.fetch('/default/diff', post);
  const inFlight = (): number | undefined =>
    autoscaler
      .of('sample')
      .at(-1)
      ?.functions.find((each) => each.function === 'default/diff')?.inFlight;
  await until(() => inFlight() === 1, 'it is counted while its answer streams');
  end();
  await response.text();
  await until(() => inFlight() === 0, 'it is no longer counted');
  const last = autoscaler.of('sample').at(-1)?.functions[0];
  assert.ok((last?.idleMs ?? -1) >= 0);
});

test('a draining pod is acknowledged when its last request has ended, and not before', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  const ends: (() => void)[] = [];
  await using pod = await startPod((request, response) => {
    request.resume();
    ends.push(() => response.end());
  });
  await using idle = await startPod();
  gateway.function();
  gateway.pod(pod, { name: 'busy' });
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  const answers = [1, 2].map(() => gateway.fetch('/default/diff', post));
  await until(() => ends.length === 2, 'in flight');
  gateway.pod(idle, { name: 'idle', draining: true });
  gateway.pod(pod, { name: 'busy', draining: true });
  const acked = (): readonly string[] => autoscaler.of('drained').flatMap(({ pods }) => pods);
  await until(() => acked().includes('uid-idle@2026-01-01T00:00:00Z'), 'the idle one at once');
  ends[0]?.();
  await Promise.race(answers);
  await until(() => autoscaler.of('sample').at(-1)?.functions[0]?.inFlight === 1, 'one is left');
  assert.ok(!acked().includes('uid-busy@2026-01-01T00:00:00Z'));
  ends[1]?.();
  await Promise.all(answers);
  await until(
    () => acked().includes('uid-busy@2026-01-01T00:00:00Z'),
    'the busy one when it is free',
  );
});

test('a draining that is called off and begun anew is answered anew', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  gateway.pod(pod, { name: 'one', draining: 'first' });
  gateway.pod(pod, { name: 'one' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  gateway.pod(pod, { name: 'one', draining: 'second' });
  await until(() => autoscaler.of('drained').length === 2, 'two answers');
  assert.deepEqual(
    autoscaler.of('drained').flatMap(({ pods }) => pods),
    ['uid-one@first', 'uid-one@second'],
  );
});

test('after a reconnect it tells again who waits and what is drained', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.leases.put(autoscaler.lease());
  await connected(autoscaler);
  gateway.pod(pod, { name: 'old', draining: true });
  const answer = gateway.fetch('/default/diff', post);
  await until(() => autoscaler.of('poke').length === 1, 'a poke');
  autoscaler.messages.length = 0;
  autoscaler.disconnect();
  await until(() => autoscaler.of('poke').length === 1, 'the poke again');
  assert.deepEqual(autoscaler.of('drained').at(-1)?.pods, ['uid-old@2026-01-01T00:00:00Z']);
  gateway.pod(pod, { name: 'new' });
  assert.equal((await answer).status, 200);
});

test('an autoscaler at another address is found through its Lease, without waiting', async () => {
  const first = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  gateway.leases.put(first.lease());
  await connected(first);
  await first[Symbol.asyncDispose]();
  await using second = await FakeAutoscaler.start();
  gateway.leases.put(second.lease());
  await connected(second);
});

test('without an autoscaler requests are served', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});
