import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import { FakeAutoscaler } from './testing/fake-autoscaler.ts';
import { startPod } from './testing/fake-pod.ts';
import { Harness, until } from './testing/harness.ts';
import { exchangeRaw } from './testing/raw-client.ts';

const post = { method: 'POST', body: '{}' };

const saying =
  (word: string): RequestListener =>
  (_request, response) => {
    response.end(word);
  };

const halves = [
  { latest: true, weight: 50, tag: 'new' },
  { revision: 'r0', weight: 50, tag: 'old' },
];

/** Numbers that are evenly spread, in an order that is not. */
function evenly(): () => number {
  let at = 0;
  return () => {
    at = (at + 0.618_033_988_75) % 1;
    return at;
  };
}

/** A gateway with a pod of each of the revisions r0 and r1, of which r1 is the latest. */
async function startTwo(random = evenly()) {
  const gateway = await Harness.start({ holdMs: 100 }, { random });
  const one = await startPod(saying('r1'));
  const zero = await startPod(saying('r0'));
  gateway.pod(one, { name: 'one' });
  gateway.pod(zero, { name: 'zero', revision: 'r0' });
  const text = async (path: string): Promise<string> => (await gateway.fetch(path, post)).text();
  const count = async (calls: number): Promise<Record<string, number>> => {
    const seen: Record<string, number> = {};
    for (let call = 0; call < calls; call += 1) {
      const answer = await text('/default/diff');
      seen[answer] = (seen[answer] ?? 0) + 1;
    }
    return seen;
  };
  const dispose = async (): Promise<void> => {
    await gateway[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    await zero[Symbol.asyncDispose]();
  };
  return { gateway, one, zero, text, count, [Symbol.asyncDispose]: dispose };
}

function byHost(port: number, host: string): Promise<string> {
  return exchangeRaw(port, `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
}

test('calls are shared by weight', async () => {
  await using two = await startTwo();
  two.gateway.function({ traffic: halves });
  assert.deepEqual(await two.count(100), { r0: 50, r1: 50 });
  two.gateway.function({
    traffic: [
      { latest: true, weight: 90 },
      { revision: 'r0', weight: 10 },
    ],
  });
  const seen = await two.count(100);
  assert.ok(Math.abs((seen['r0'] ?? 0) - 10) <= 1, JSON.stringify(seen));
  two.gateway.function({ traffic: [{ revision: 'r0', weight: 100 }] });
  assert.deepEqual(await two.count(10), { r0: 10 });
  two.gateway.function();
  assert.deepEqual(await two.count(10), { r1: 10 });
});

test('a tag reaches its target by path and by host, whatever the weight', async () => {
  await using two = await startTwo();
  two.gateway.function({
    traffic: [
      { latest: true, weight: 100, tag: 'new' },
      { revision: 'r0', tag: 'old' },
    ],
  });
  assert.equal(await two.text('/default/diff@old'), 'r0');
  assert.equal(await two.text('/default/diff@old/a/b?c'), 'r0');
  assert.equal(await two.text('/default/diff@new'), 'r1');
  assert.deepEqual(two.zero.seen, ['POST / {}', 'POST /a/b?c {}']);
  assert.match(await byHost(two.gateway.port, 'old-diff.default.localhost'), /\nr0/);
  assert.match(await byHost(two.gateway.port, 'new-diff.default.localhost'), /\nr1/);
});

test('a function of the very name of a host comes before a tag', async () => {
  await using two = await startTwo();
  await using own = await startPod(saying('own'));
  two.gateway.function({ traffic: halves });
  two.gateway.function({ name: 'old-diff', revision: 'x' });
  two.gateway.pod(own, { name: 'own', function: 'old-diff', revision: 'x' });
  assert.match(await byHost(two.gateway.port, 'old-diff.default.localhost'), /\nown/);
});

test('the check of a tag tells of its target, that of the function of all', async () => {
  await using two = await startTwo();
  two.gateway.function({ traffic: halves });
  const check = async (path: string): Promise<Record<string, unknown>> =>
    (await (await two.gateway.fetch(path)).json()) as Record<string, unknown>;
  const old = await check('/default/diff@old');
  assert.equal(old['revision'], 'r0');
  assert.equal(old['replicas'], 1);
  const all = await check('/default/diff');
  assert.equal(all['replicas'], 2);
  assert.deepEqual(all['traffic'], [
    { revision: 'r1', weight: 50 },
    { revision: 'r0', weight: 50 },
  ]);
  assert.equal(two.one.seen.length + two.zero.seen.length, 0);
  const same = { revision: 'r1', weight: 50 };
  two.gateway.function({ traffic: [{ latest: true, weight: 50 }, same] });
  assert.equal((await check('/default/diff'))['replicas'], 1, 'no pod counts twice');
});

test('an unknown tag is 404 in words, and so is a tag of no function', async () => {
  await using two = await startTwo();
  two.gateway.function({ traffic: halves });
  const answer = await two.gateway.fetch('/default/diff@nope', post);
  assert.equal(answer.status, 404);
  const problem = (await answer.json()) as { readonly title: string; readonly detail: string };
  assert.equal(problem.title, 'No such tag');
  assert.match(problem.detail, /"diff" has no target with the tag "nope"/);
  const none = await two.gateway.fetch('/default/nothing@nope', post);
  assert.match(await none.text(), /There is no Function \\"nothing\\"/);
});

test('each target holds its own calls, and is asked for by its own name', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  await using pod = await startPod(saying('r0'));
  gateway.leases.put(autoscaler.lease());
  gateway.function({ traffic: halves });
  const old = gateway.fetch('/default/diff@old', post);
  await until(() => autoscaler.of('poke').length > 0, 'the target is asked for');
  assert.equal(autoscaler.of('poke')[0]?.function, 'default/diff@r0');
  const latest = gateway.fetch('/default/diff@new', post);
  await until(() => autoscaler.of('poke').length > 1, 'the latest one is asked for');
  assert.equal(autoscaler.of('poke')[1]?.function, 'default/diff');
  gateway.pod(pod, { name: 'zero', revision: 'r0' });
  assert.equal(await (await old).text(), 'r0');
  gateway.pod(pod, { name: 'zero', revision: 'r1' });
  assert.equal((await latest).status, 200);
});

test('a call that is held for a revision is answered by it although it loses its share', async () => {
  await using autoscaler = await FakeAutoscaler.start();
  await using gateway = await Harness.start();
  await using pod = await startPod(saying('r0'));
  gateway.leases.put(autoscaler.lease());
  gateway.function({ traffic: halves });
  const old = gateway.fetch('/default/diff@old', post);
  await until(() => autoscaler.of('poke').length > 0, 'the target is asked for');
  gateway.function();
  gateway.pod(pod, { name: 'zero', revision: 'r0' });
  assert.equal(await (await old).text(), 'r0');
  const atRest = (): boolean =>
    autoscaler
      .of('sample')
      .flatMap(({ functions }) => functions)
      .some((each) => each.function.endsWith('@r0') && each.inFlight + each.held === 0);
  await until(atRest, 'the rest is told');
  const metrics = await (await gateway.fetch('/-/metrics')).text();
  assert.ok(!metrics.includes('revision="r0"'), 'the route is gone');
});

test('calls under way are not disturbed by a change of the weights', async () => {
  await using gateway = await Harness.start({ holdMs: 100 });
  const open: (() => void)[] = [];
  await using pod = await startPod((_request, response) => {
    open.push(() => response.end('r0'));
  });
  gateway.pod(pod, { name: 'zero', revision: 'r0' });
  gateway.function({ traffic: [{ revision: 'r0', weight: 100 }] });
  const call = gateway.fetch('/default/diff', post);
  await until(() => open.length === 1, 'the call is with the pod');
  gateway.function();
  gateway.function({ traffic: [{ latest: true, weight: 100 }] });
  open[0]?.();
  assert.equal(await (await call).text(), 'r0');
});

test('a slot that one route frees goes to who waits in another route of the same pod', async () => {
  await using gateway = await Harness.start();
  const open: (() => void)[] = [];
  await using pod = await startPod((_request, response) => {
    open.push(() => response.end('done'));
  });
  gateway.pod(pod);
  gateway.function({
    spec: { scaling: { hardConcurrency: 1 } },
    traffic: [
      { latest: true, weight: 100 },
      { revision: 'r1', tag: 'same' },
    ],
  });
  const first = gateway.fetch('/default/diff', post);
  await until(() => open.length === 1, 'the pod is full');
  const second = gateway.fetch('/default/diff@same', post);
  await until(() => pod.connections > 0 && open.length === 1, 'the other one waits');
  open[0]?.();
  await first;
  await until(() => open.length === 2, 'it is its turn');
  open[1]?.();
  assert.equal(await (await second).text(), 'done');
});

test('a target whose code does not load is refused at once, the others are served', async () => {
  await using two = await startTwo();
  two.gateway.pods.replace([]);
  two.gateway.pod(two.one, { name: 'one' });
  two.gateway.function({
    traffic: [
      { latest: true, weight: 100 },
      { revision: 'r0', tag: 'old', reason: 'LoadFailed' },
    ],
  });
  const answer = await two.gateway.fetch('/default/diff@old', post);
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /cannot be loaded/);
  assert.equal(await two.text('/default/diff'), 'r1');
});

test('a function that is deleted takes its targets with it', async () => {
  await using two = await startTwo();
  two.gateway.function({ traffic: halves });
  assert.equal(await two.text('/default/diff@old'), 'r0');
  two.gateway.functions.replace([]);
  assert.equal((await two.gateway.fetch('/default/diff@old', post)).status, 404);
  assert.equal((await two.gateway.fetch('/default/diff', post)).status, 404);
});
