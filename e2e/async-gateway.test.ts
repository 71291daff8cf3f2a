import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, createInformer, httpTransport, refs } from '../src/client/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { all, call, createFunction, finish, nameOf, openWorld } from './testing/async-gateway.ts';
import { eventually } from './testing/control-plane.ts';

test('a call with respond-async is in the cluster before it is answered 202, without credentials', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  const async = { retries: 7, backoff: '2s', deadLetter: 'morgue', retention: '5m' };
  await createFunction(plane, 'f', { async });
  const bytes = Buffer.from([0, 1, 254, 255]);
  const answer = await call(url, '/default/f/rest?q=1', {
    method: 'PATCH',
    body: bytes,
    headers: {
      prefer: 'return=minimal, respond-async',
      authorization: 'Bearer secret',
      cookie: 'a=b',
      'content-type': 'application/octet-stream',
      'x-mine': 'yes',
      'x-nought-attempt': '9',
      'x-request-id': 'request-1',
    },
  });
  const key = nameOf(answer);
  assert.match(key.name, /^f-[a-z0-9]{28}$/);
  assert.equal(answer.headers.get('preference-applied'), 'respond-async');
  assert.equal(answer.headers.get('x-request-id'), 'request-1');
  assert.ok(answer.headers.has('retry-after'));
  const state = (await answer.json()) as Record<string, unknown>;
  const path = answer.headers.get('location');
  assert.deepEqual(
    { ...state, createdAt: '' },
    {
      ...key,
      function: 'f',
      phase: 'Pending',
      attempts: 0,
      createdAt: '',
      status: path,
      result: `${path}/result`,
    },
  );
  const stored = await plane.client.resource(refs.invocations).get(key);
  const { request, ...settings } = stored.spec;
  assert.deepEqual(settings, { functionRef: { name: 'f' }, ...async });
  assert.equal(`${request.method} ${request.path}`, 'PATCH /rest?q=1');
  assert.deepEqual(Buffer.from(request.body ?? '', 'base64'), bytes);
  const headers = new Map(request.headers?.map(({ name, value }) => [name.toLowerCase(), value]));
  assert.equal(headers.get('x-mine'), 'yes');
  assert.equal(headers.get('x-request-id'), 'request-1');
  for (const name of ['authorization', 'cookie', 'prefer', 'host', 'x-nought-attempt']) {
    assert.equal(headers.get(name), undefined, name);
  }
  assert.equal(stored.metadata.labels?.['nought.dev/function'], 'f');
  assert.equal(stored.metadata.ownerReferences?.[0]?.name, 'f');
});

test('what cannot be accepted is refused and leaves nothing: unknown function, body over 512 KiB', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  assert.equal((await call(url, '/default/other')).status, 404);
  const large = Buffer.alloc(512 * 1024 + 1);
  const declared = await call(url, '/default/f', { body: large });
  assert.equal(declared.status, 413);
  assert.match(await declared.text(), /524288 bytes/);
  const chunked = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(large);
      controller.close();
    },
  });
  const streamed = await call(url, '/default/f', { body: chunked, duplex: 'half' });
  assert.equal(streamed.status, 413);
  assert.deepEqual(await all(plane), []);
});

test('a function with maxPending unfinished calls takes no more of them until one is finished', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f', { async: { maxPending: 3 } });
  await createFunction(plane, 'g');
  const answers = await Promise.all(Array.from({ length: 8 }, () => call(url, '/default/f')));
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  assert.deepEqual(statuses, [202, 202, 202, 503, 503, 503, 503, 503]);
  const full = answers.find(({ status }) => status === 503);
  assert.ok(full?.headers.has('retry-after'));
  assert.match((await full?.text()) ?? '', /problems\/overloaded/);
  assert.equal((await call(url, '/default/g')).status, 202);
  const [first] = await all(plane);
  assert.ok(first);
  const { namespace = '', name } = first.metadata;
  await finish(plane, { namespace, name }, { phase: 'Succeeded' });
  const late = AbortSignal.timeout(10_000);
  // The gateway hears of it by its watch.
  while ((await call(url, '/default/f')).status !== 202) late.throwIfAborted();
});

test('an Idempotency-Key stands for one call of one function, however often it is sent', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f', { async: { maxPending: 1 } });
  await createFunction(plane, 'g');
  const headers = { 'idempotency-key': 'order-17' };
  const first = nameOf(await call(url, '/default/f', { body: 'a', headers }));
  const again = await Promise.all(
    Array.from({ length: 5 }, () => call(url, '/default/f', { body: 'a', headers })),
  );
  for (const answer of again) assert.deepEqual(nameOf(answer), first);
  const other = await call(url, '/default/f', { body: 'b', headers });
  assert.equal(other.status, 422);
  assert.match(await other.text(), /idempotency-key-reused/);
  assert.notEqual(nameOf(await call(url, '/default/g', { body: 'a', headers })).name, first.name);
  assert.equal((await all(plane)).length, 2);
});

test('without the API server nothing is accepted: 503 with words', async () => {
  await using world = await openWorld();
  const { plane } = world;
  await createFunction(plane, 'f');
  using nowhere = httpTransport({ server: 'https://127.0.0.1:9', insecureSkipTlsVerify: true });
  const shared = { clock: systemClock, log: silentLog };
  await using other = await openWorld({
    client: createClient(nowhere, plane.signal),
    informers: {
      functions: createInformer({ ...shared, resource: plane.client.resource(refs.functions) }),
      pods: createInformer({ ...shared, resource: plane.client.resource(refs.pods) }),
      leases: createInformer({ ...shared, resource: plane.client.resource(refs.leases) }),
    },
  });
  const answer = await call(other.url, '/default/f');
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.has('retry-after'));
  assert.match(await answer.text(), /not accepted.*API server does not answer/);
  const state = await fetch(`${other.url}/-/invocations/default/f-x`);
  assert.equal(state.status, 503);
  assert.deepEqual(await all(plane), []);
});

test('Prefer: respond-async with wait answers with the result when it comes in time', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const waiting = call(url, '/default/f', { headers: { prefer: 'respond-async, wait=30' } });
  const [one] = await eventually(plane, { ref: refs.invocations }, (them) => them.length === 1);
  assert.ok(one);
  const { namespace = '', name } = one.metadata;
  await finish(plane, { namespace, name }, { phase: 'Succeeded', response: { status: 201 } });
  const answer = await waiting;
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get('preference-applied'), 'wait');
  const slow = await call(url, '/default/f', { headers: { prefer: 'respond-async, wait=1' } });
  assert.equal(slow.status, 202);
});

test('a call of NAME@TAG keeps the tag for its attempts', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  const { metadata } = await createFunction(plane, 'f', {
    traffic: [
      { latest: true, weight: 100 },
      { revision: 'abc', tag: 'green', weight: 0 },
    ],
  });
  const place = { replicas: 0, readyReplicas: 0 };
  const traffic = [
    { latest: true, revision: 'xyz', weight: 100, ...place },
    { revision: 'abc', tag: 'green', weight: 0, ...place },
  ];
  const status = { revision: 'xyz', traffic };
  await plane.client
    .resource(refs.functions)
    .patch(metadata, { status }, { type: 'merge', subresource: 'status' });
  const late = AbortSignal.timeout(10_000);
  const paths = ['/default/f@green', '/default/f@green/a?b'];
  for (const path of paths) {
    let answer = await call(url, path);
    // The gateway hears of the tag by its watch.
    while (answer.status === 404) {
      late.throwIfAborted();
      answer = await call(url, path);
    }
    const stored = await plane.client.resource(refs.invocations).get(nameOf(answer));
    assert.deepEqual(stored.spec.functionRef, { name: 'f', tag: 'green' });
  }
  const plain = await plane.client
    .resource(refs.invocations)
    .get(nameOf(await call(url, '/default/f')));
  assert.deepEqual(plain.spec.functionRef, { name: 'f' });
});
