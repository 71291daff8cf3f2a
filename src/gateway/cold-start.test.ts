import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPod } from './testing/fake-pod.ts';
import { Harness, until } from './testing/harness.ts';
import { RawClient } from './testing/raw-client.ts';

const post = { method: 'POST', body: '{}' };

async function metric(gateway: Harness, name: string): Promise<number> {
  const text = await (await gateway.fetch('/-/metrics')).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} ([0-9]+)$`, 'm').exec(text)?.[1] ?? -1);
}

async function untilHeld(gateway: Harness, count: number): Promise<void> {
  const end = performance.now() + 5000;
  while ((await metric(gateway, 'nought_gateway_held')) !== count) {
    assert.ok(performance.now() < end, `${count} requests are held`);
  }
}

test('a request for a function at zero is held and answered when a pod comes', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  const answer = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  gateway.pod(pod);
  const response = await answer;
  assert.equal(response.status, 200);
  assert.match(response.headers.get('server-timing') ?? '', /^cold;dur=[0-9.]+$/);
  assert.equal(pod.seen.length, 1);
  const warm = await gateway.fetch('/default/diff', post);
  assert.equal(warm.headers.get('server-timing'), null);
});

test('a pod that is not Ready yet is asked by the gateway itself, and used when it answers', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  const answer = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  gateway.pod(pod, { ready: false });
  assert.equal((await answer).status, 200);
  assert.equal(pod.probes, 1);
  // The connection of the question is that of the request.
  assert.equal(pod.connections, 1);
});

test('without demand no pod is asked, and none that is not Ready is used', async () => {
  await using gateway = await Harness.start({ holdMs: 200 });
  await using pod = await startPod();
  pod.readyStatus = 503;
  gateway.function();
  gateway.pod(pod, { ready: false });
  assert.equal((await gateway.fetch('/default/diff')).status, 200);
  assert.equal(pod.probes, 0);
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(response.status, 503);
  assert.ok(pod.probes > 0);
  assert.equal(pod.seen.length, 0);
});

test("pods of an image or of signature http are not asked: they count when they're Ready", async () => {
  await using gateway = await Harness.start({ holdMs: 200 });
  await using pod = await startPod();
  gateway.function({ spec: { signature: 'http' } });
  gateway.pod(pod, { ready: false });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 503);
  assert.equal(pod.probes, 0);
  gateway.pod(pod, { ready: true });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});

test('a pod that refuses connections at first is asked again until it listens', async () => {
  await using gateway = await Harness.start();
  const first = await startPod();
  const { host, port } = first;
  await first[Symbol.asyncDispose]();
  gateway.function();
  gateway.pod({ host, port }, { ready: false });
  const answer = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  await using pod = await startPod(undefined, { host, port });
  assert.equal((await answer).status, 200);
  assert.equal(pod.seen.length, 1);
});

test('a burst for a function at zero is answered to the last one, one at a time per pod', async () => {
  await using gateway = await Harness.start();
  let now = 0;
  let most = 0;
  await using pod = await startPod((request, response) => {
    now += 1;
    most = Math.max(most, now);
    request.resume();
    setTimeout(() => {
      now -= 1;
      response.end('ok');
    }, 1);
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  const answers = Promise.all(
    Array.from({ length: 100 }, () => gateway.fetch('/default/diff', post)),
  );
  await untilHeld(gateway, 100);
  gateway.pod(pod, { ready: false });
  for (const response of await answers) assert.equal(response.status, 200);
  assert.equal(most, 1);
  assert.equal(pod.seen.length, 100);
});

test('those that wait go first in, first out', async () => {
  await using gateway = await Harness.start();
  const order: string[] = [];
  await using pod = await startPod((request, response) => {
    order.push(request.url ?? '');
    request.resume();
    response.end();
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  const answers: Promise<Response>[] = [];
  for (let index = 0; index < 10; index += 1) {
    answers.push(gateway.fetch(`/default/diff/${index}`, post));
    await untilHeld(gateway, index + 1);
  }
  gateway.pod(pod);
  await Promise.all(answers);
  assert.deepEqual(
    order,
    Array.from({ length: 10 }, (_, index) => `/${index}`),
  );
});

test('coldStart refuse: 503 starting at once with Retry-After, a moment later it answers', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function({ spec: { coldStart: 'refuse' } });
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(response.status, 503);
  assert.ok(Number(response.headers.get('retry-after')) > 0);
  const problem = (await response.json()) as { type: string; detail: string };
  assert.match(problem.type, /\/starting$/);
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});

test('Prefer: wait=0 refuses and wait=N holds, whatever the function says', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  const refused = await gateway.fetch('/default/diff', { ...post, headers: { prefer: 'wait=0' } });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('preference-applied'), 'wait=0');
  gateway.function({ spec: { coldStart: 'refuse' } });
  const answer = gateway.fetch('/default/diff', { ...post, headers: { prefer: 'wait=20' } });
  await untilHeld(gateway, 1);
  gateway.pod(pod);
  const held = await answer;
  assert.equal(held.status, 200);
  assert.equal(held.headers.get('preference-applied'), 'wait=20');
});

test('the wait is bounded: 503 starting when no pod comes', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  gateway.function({ trouble: ['Progressing', 'Pod diff-1 is pulling its image'] });
  const response = await gateway.fetch('/default/diff', post);
  assert.equal(response.status, 503);
  const { title, detail } = (await response.json()) as { title: string; detail: string };
  assert.equal(title, 'The function is starting');
  assert.match(detail, /pulling its image/);
});

test('the queue is bounded by count: 503 overloaded', async () => {
  await using gateway = await Harness.start({ heldRequests: 2 });
  await using pod = await startPod();
  gateway.function();
  const first = [gateway.fetch('/default/diff', post), gateway.fetch('/default/diff', post)];
  await untilHeld(gateway, 2);
  const third = await gateway.fetch('/default/diff', post);
  assert.equal(third.status, 503);
  assert.match(((await third.json()) as { type: string }).type, /\/overloaded$/);
  assert.ok(third.headers.has('retry-after'));
  gateway.pod(pod);
  for (const response of await Promise.all(first)) assert.equal(response.status, 200);
});

test('the queue is bounded by bytes, and one function does not fill that of another', async () => {
  await using gateway = await Harness.start({ heldBytes: 64 * 1024 });
  await using pod = await startPod();
  gateway.function();
  gateway.function({ name: 'other' });
  const body = 'x'.repeat(40 * 1024);
  const first = gateway.fetch('/default/diff', { method: 'POST', body });
  await untilHeld(gateway, 1);
  const second = await gateway.fetch('/default/diff', { method: 'POST', body });
  assert.equal(second.status, 503);
  const other = gateway.fetch('/default/other', { method: 'POST', body });
  gateway.pod(pod);
  gateway.pod(pod, { name: 'other-pod', function: 'other', host: pod.host, port: pod.port });
  assert.equal((await other).status, 200);
  assert.equal((await Promise.race([first, other])).status, 200);
});

test('a client that leaves while it waits is dropped, and no pod sees its request', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  const head = 'POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
  const rude = new RawClient(gateway.port).send(head);
  const polite = new RawClient(gateway.port).send(head);
  await untilHeld(gateway, 2);
  rude.socket.resetAndDestroy();
  polite.socket.destroy();
  await untilHeld(gateway, 0);
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff/last', post)).status, 200);
  assert.deepEqual(pod.seen, ['POST /last {}']);
});

test('a client that only ends its side still gets the answer', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  using client = new RawClient(gateway.port, true);
  client.socket.end('POST /default/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
  await client.until('100 Continue');
  gateway.pod(pod);
  assert.match(await client.untilClosed(), /HTTP\/1\.1 200 OK/);
});

test("LoadFailed: 503 at once with the condition's words, for those that wait too", async () => {
  await using gateway = await Harness.start();
  gateway.function({ revision: '' });
  const waiting = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  gateway.function({ revision: '', trouble: ['LoadFailed', 'index.js:3: Unexpected token'] });
  for (const response of [await waiting, await gateway.fetch('/default/diff', post)]) {
    assert.equal(response.status, 503);
    const { detail, type } = (await response.json()) as { detail: string; type: string };
    assert.match(detail, /index\.js:3: Unexpected token/);
    assert.match(type, /\/load-failed$/);
  }
});

test('LoadFailed of a new revision does not stop the old one that serves', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function({ trouble: ['LoadFailed', 'index.js:3: Unexpected token'] });
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
});

test('LoadFailed of a new revision does not stop an old one that is at zero', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function({ trouble: ['LoadFailed', 'index.js:3: Unexpected token'], serving: true });
  const answer = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  gateway.pod(pod);
  assert.equal((await answer).status, 200);
});

test('a function that is deleted answers those that wait with 404', async () => {
  await using gateway = await Harness.start();
  gateway.function();
  const waiting = gateway.fetch('/default/diff', post);
  await untilHeld(gateway, 1);
  gateway.functions.delete({ namespace: 'default', name: 'diff' });
  assert.equal((await waiting).status, 404);
});

test('at the hard limit requests wait for a slot, and Prefer: wait=0 is told overloaded', async () => {
  await using gateway = await Harness.start();
  const open: (() => void)[] = [];
  await using pod = await startPod((request, response) => {
    request.resume();
    open.push(() => response.end('ok'));
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 2 }, coldStart: 'refuse' } });
  gateway.pod(pod);
  const answers = [1, 2, 3].map(() => gateway.fetch('/default/diff', post));
  await untilHeld(gateway, 1);
  await until(() => open.length === 2, 'two are with the pod');
  const impatient = await gateway.fetch('/default/diff', {
    ...post,
    headers: { prefer: 'wait=0' },
  });
  assert.equal(impatient.status, 503);
  assert.match(((await impatient.json()) as { type: string }).type, /\/overloaded$/);
  open.shift()?.();
  await until(() => open.length === 2, 'the third took the slot');
  for (const end of open) end();
  for (const response of await Promise.all(answers)) assert.equal(response.status, 200);
});

test('the check neither counts, nor wakes, nor waits', async () => {
  await using gateway = await Harness.start();
  gateway.function();
  for (let index = 0; index < 5; index += 1) {
    const state = (await (await gateway.fetch('/default/diff')).json()) as Record<string, unknown>;
    assert.equal(state['lastInvoked'], null);
    assert.equal(state['inFlight'], 0);
  }
  assert.equal(await metric(gateway, 'nought_gateway_held'), 0);
});

test('a gateway that stops tells those that wait, and finishes what is in flight', async () => {
  const gateway = await Harness.start({ drainGraceMs: 5000 });
  const open: (() => void)[] = [];
  await using pod = await startPod((request, response) => {
    request.resume();
    open.push(() => response.end('done'));
  });
  gateway.function();
  gateway.function({ name: 'cold' });
  gateway.pod(pod);
  const busy = gateway.fetch('/default/diff', post);
  const waiting = gateway.fetch('/default/cold', post);
  await until(() => open.length === 1, 'one is in flight');
  const text = await (await gateway.fetch('/-/metrics')).text();
  assert.match(text, /nought_gateway_held\{namespace="default",function="cold"\} 1/);
  const stopped = gateway.stop();
  assert.equal((await waiting).status, 503);
  open[0]?.();
  const response = await busy;
  assert.equal(await response.text(), 'done');
  assert.equal(response.headers.get('connection'), 'close');
  await stopped;
});
