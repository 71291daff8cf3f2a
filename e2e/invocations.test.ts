import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { refs } from '../src/client/index.ts';
import { eventually } from './testing/control-plane.ts';
import { condition, createFunction, invoke, openWorld, phase } from './testing/invocations.ts';

test('an invocation is carried out with its method, path, headers and body, and its answer kept byte for byte', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f');
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
  gateway.answer = ({ answer }) => {
    answer.writeHead(201, { 'content-type': 'application/octet-stream', 'x-of': 'mine' });
    answer.end(bytes);
  };
  const made = await invoke(plane, fn, 'a', {
    method: 'PUT',
    path: '/rest?q=1',
    headers: [
      { name: 'X-Colour', value: 'grün' },
      { name: 'Prefer', value: 'respond-async' },
    ],
    body: bytes.toString('base64'),
  });
  const done = await phase(plane, 'a', 'Succeeded');
  const [call] = gateway.arrived;
  assert.equal(gateway.arrived.length, 1);
  assert.equal(`${call?.method} ${call?.path}`, 'PUT /default/f/rest?q=1');
  assert.equal(call?.headers['x-colour'], 'grün');
  assert.equal(call?.headers['prefer'], 'wait=60');
  assert.equal(call?.headers['idempotency-key'], made.metadata.uid);
  assert.equal(call?.headers['x-nought-invocation'], 'a');
  assert.equal(call?.headers['x-nought-attempt'], '1');
  assert.deepEqual(call?.body, bytes);
  assert.equal(done.status?.response?.status, 201);
  assert.equal(done.status?.response?.body, bytes.toString('base64'));
  assert.ok(
    done.status?.response?.headers?.some((it) => it.name === 'x-of' && it.value === 'mine'),
  );
  assert.equal(condition(done, 'Complete'), 'Answered');
  assert.equal(done.status?.attempts, 1);
});

test('a failed attempt is repeated with the same Idempotency-Key until one succeeds', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', { async: { retries: 5, backoff: '10ms' } });
  const endings: ((answer: ServerResponse) => void)[] = [
    (answer) => answer.writeHead(500).end(),
    (answer) => answer.writeHead(429).end(),
    (answer) => answer.destroy(),
    (answer) => answer.end('at last'),
  ];
  gateway.answer = ({ answer }) => endings.shift()?.(answer);
  await invoke(plane, fn, 'a');
  const done = await phase(plane, 'a', 'Succeeded');
  assert.equal(Buffer.from(done.status?.response?.body ?? '', 'base64').toString(), 'at last');
  assert.equal(done.status?.error, undefined);
  const keys = new Set(gateway.arrived.map(({ headers }) => headers['idempotency-key']));
  assert.equal(keys.size, 1);
});

test('a 4xx is final and its answer is kept; a missing retry budget is final too', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', { async: { retries: 2, backoff: '10ms' } });
  gateway.answer = ({ path, answer }) => {
    answer.writeHead(path.endsWith('/no') ? 422 : 500, { 'content-type': 'application/json' });
    answer.end('{"title":"Wrong","detail":"All of it"}');
  };
  await invoke(plane, fn, 'refused', { path: '/no' });
  await invoke(plane, fn, 'exhausted', { path: '/' });
  const refused = await phase(plane, 'refused', 'Failed');
  assert.equal(condition(refused, 'Failed'), 'Refused');
  assert.equal(refused.status?.attempts, 1);
  assert.equal(refused.status?.response?.status, 422);
  assert.deepEqual(refused.status?.error, { title: '422 Wrong', detail: 'All of it' });
  const exhausted = await phase(plane, 'exhausted', 'Failed');
  assert.equal(condition(exhausted, 'Failed'), 'RetriesExhausted');
  assert.equal(exhausted.status?.attempts, 3);
  assert.equal(exhausted.status?.response?.status, 500);
  assert.equal(gateway.arrived.length, 4);
});

test('an attempt that did not reach the function does not count', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', { async: { retries: 0, backoff: '10ms' } });
  let refusals = 5;
  gateway.answer = ({ answer }) => {
    refusals -= 1;
    if (refusals < 0) answer.end();
    else answer.writeHead(503).end('{"type":"https://nought.dev/problems/overloaded"}');
  };
  await invoke(plane, fn, 'a');
  const done = await phase(plane, 'a', 'Succeeded');
  assert.equal(done.status?.attempts, 1);
  assert.equal(gateway.arrived.length, 6);
});

test('an answer over 512 KiB fails the invocation without a retry', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f');
  gateway.answer = ({ answer }) => answer.end(Buffer.alloc(512 * 1024 + 1));
  await invoke(plane, fn, 'a');
  const done = await phase(plane, 'a', 'Failed');
  assert.equal(condition(done, 'Failed'), 'ResultTooLarge');
  assert.deepEqual(done.status?.response?.status, 200);
  assert.equal(gateway.arrived.length, 1);
});

test('the largest request and the largest answer fit into one invocation', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f');
  const most = Buffer.alloc(512 * 1024, 'x');
  gateway.answer = ({ body, answer }) => answer.end(body);
  await invoke(plane, fn, 'a', { body: most.toString('base64') });
  const done = await phase(plane, 'a', 'Succeeded', 'Failed');
  assert.equal(done.status?.response?.body, most.toString('base64'));
});

test('what has failed for good goes to the dead letter once, as a CloudEvent with the original body', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', {
    async: { retries: 1, backoff: '10ms', deadLetter: 'morgue' },
  });
  gateway.answer = ({ path, answer }) => {
    if (path.startsWith('/default/morgue')) answer.end();
    else answer.writeHead(500, { 'content-type': 'text/plain' }).end('no "way" 100 %');
  };
  const body = Buffer.from([0, 255, 10, 13]);
  const made = await invoke(plane, fn, 'a', {
    body: body.toString('base64'),
    path: '/x?y=1',
    headers: [{ name: 'Content-Type', value: 'application/x-mine' }],
  });
  const failed = await phase(plane, 'a', 'Failed');
  // The Function comes later than the failure.
  await eventually(plane, { ref: refs.invocations }, ([only]) => {
    return only !== undefined && condition(only, 'DeadLettered') === 'FunctionNotFound';
  });
  await createFunction(plane, 'morgue', { async: { deadLetter: 'f' } });
  // A restart in between makes no second one.
  await world.stopFunctions();
  world.startFunctions();
  const all = await eventually(
    plane,
    { ref: refs.invocations },
    (them) => them.length === 2 && them.every((it) => it.status?.phase?.endsWith('ed')),
  );
  const letter = all.find((it) => it.spec.functionRef.name === 'morgue');
  assert.equal(letter?.spec.deadLetter, undefined);
  const call = gateway.arrived.find(({ path }) => path === '/default/morgue/');
  assert.deepEqual(call?.body, body);
  assert.equal(call?.headers['content-type'], 'application/x-mine');
  const attributes = Object.fromEntries(
    Object.entries(call?.headers ?? {})
      .filter(([name]) => name.startsWith('ce-'))
      .map(([name, value]) => [name.slice(3), decodeURIComponent(String(value))]),
  );
  assert.deepEqual(attributes, {
    specversion: '1.0',
    id: made.metadata.uid,
    type: 'dev.nought.invocation.failed',
    source: '/namespaces/default/functions/f',
    subject: 'a',
    time: failed.status?.finishTime,
    attempts: '2',
    reason: 'RetriesExhausted',
    errortitle: 'Answered 500',
    errordetail: 'no "way" 100 %',
    errorstatus: '500',
    requestmethod: 'POST',
    requestpath: '/x?y=1',
  });
});

test('an invocation that was Running when its executor ended is carried out by the next one', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const fn = await createFunction(plane, 'f', { async: { retries: 0 } });
  gateway.answer = () => undefined;
  await invoke(plane, fn, 'a');
  await phase(plane, 'a', 'Running');
  await gateway.until(() => gateway.arrived.length === 1);
  await world.stopFunctions();
  assert.equal((await phase(plane, 'a', 'Running')).status?.attempts, 1);
  gateway.answer = ({ answer }) => answer.end('second life');
  world.startFunctions();
  const done = await phase(plane, 'a', 'Succeeded');
  assert.equal(done.status?.attempts, 1);
});

test('deleting an invocation, or marking it Cancelled, ends the attempt that is under way', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const { client } = plane;
  const fn = await createFunction(plane, 'f');
  gateway.answer = () => undefined;
  await invoke(plane, fn, 'deleted', { path: '/deleted' });
  await invoke(plane, fn, 'cancelled', { path: '/cancelled' });
  await phase(plane, 'deleted', 'Running');
  await phase(plane, 'cancelled', 'Running');
  await gateway.until(() => gateway.arrived.length === 2);
  await client.resource(refs.invocations).delete({ namespace: 'default', name: 'deleted' });
  const finishTime = new Date().toISOString();
  await client
    .resource(refs.invocations)
    .patch(
      { namespace: 'default', name: 'cancelled' },
      { status: { phase: 'Cancelled', finishTime } },
      { type: 'merge', subresource: 'status' },
    );
  await gateway.until(() => gateway.left.length === 2);
  assert.equal((await phase(plane, 'cancelled', 'Cancelled')).status?.response, undefined);
});

test('a finished invocation goes after its retention, and all of them with their Function', async () => {
  await using world = await openWorld();
  const { plane } = world;
  const brief = await createFunction(plane, 'brief', { async: { retention: '1s' } });
  const long = await createFunction(plane, 'long');
  await invoke(plane, brief, 'a');
  await invoke(plane, long, 'b');
  await phase(plane, 'a', 'Succeeded');
  await phase(plane, 'b', 'Succeeded');
  const [left] = await eventually(plane, { ref: refs.invocations }, (all) => all.length === 1);
  assert.equal(left?.metadata.name, 'b');
  await plane.client.resource(refs.functions).delete(long.metadata);
  await eventually(plane, { ref: refs.invocations }, (all) => all.length === 0);
});

test('a function with many slow calls does not keep those of another one waiting', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const slow = await createFunction(plane, 'slow', {
    scaling: { max: 1, hardConcurrency: 1 },
  });
  const quick = await createFunction(plane, 'quick');
  gateway.answer = ({ path, answer }) => {
    if (path.startsWith('/default/quick')) answer.end();
  };
  for (let i = 0; i < 10; i += 1) await invoke(plane, slow, `slow-${i}`);
  await invoke(plane, quick, 'quick-0');
  await phase(plane, 'quick-0', 'Succeeded');
  // As many as its pods take at a time.
  assert.ok(gateway.arrived.filter(({ path }) => path.startsWith('/default/slow')).length <= 1);
});

test('of finished invocations the newest are kept, as many and as large as may be', async () => {
  await using world = await openWorld({
    finishedPerFunction: 10,
    finishedSizePerFunction: 60_000,
  });
  const { plane, gateway } = world;
  const many = await createFunction(plane, 'many');
  const large = await createFunction(plane, 'large');
  for (let i = 0; i < 15; i += 1) {
    await invoke(plane, many, `many-${i}`);
    if (i >= 10) await phase(plane, `many-${i}`, 'Succeeded');
  }
  gateway.answer = ({ answer }) => answer.end(Buffer.alloc(30_000));
  for (const name of ['large-0', 'large-1', 'large-2']) {
    await invoke(plane, large, name);
    await eventually(plane, { ref: refs.invocations }, (them) =>
      them.every(({ metadata, status }) => metadata.name !== name || status?.phase === 'Succeeded'),
    );
  }
  const left = await eventually(plane, { ref: refs.invocations }, (them) => {
    const ofLarge = them.filter(({ spec }) => spec.functionRef.name === 'large');
    return ofLarge.length === 1 && them.length - ofLarge.length <= 11;
  });
  const names = left.map(({ metadata }) => metadata.name);
  for (const newest of ['large-2', 'many-14', 'many-13', 'many-12']) {
    assert.ok(names.includes(newest), `${newest} of ${names.join(' ')}`);
  }
});

test('an invocation that takes the name of one that was deleted while it ran is carried out too', async () => {
  await using world = await openWorld();
  const { plane, gateway } = world;
  const resource = plane.client.resource(refs.invocations);
  const fn = await createFunction(plane, 'f');
  gateway.answer = ({ path, answer }) => {
    if (path.endsWith('/second')) answer.end();
  };
  for (let round = 0; round < 10; round += 1) {
    const first = await invoke(plane, fn, 'a', { path: '/first' });
    await phase(plane, 'a', 'Running');
    await resource.delete(first.metadata);
    await invoke(plane, fn, 'a', { path: '/second' });
    const second = await phase(plane, 'a', 'Succeeded');
    await resource.delete(second.metadata);
  }
});
