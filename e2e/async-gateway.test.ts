import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  FunctionObject,
  FunctionSpec,
  InvocationObject,
  InvocationStatus,
} from '../src/api/index.ts';
import { createClient, createInformer, httpTransport, refs } from '../src/client/index.ts';
import { type GatewayOptions, runGateway } from '../src/gateway/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { randomIds } from '../src/lib/ids.ts';
import { silentLog } from '../src/lib/log.ts';
import { type ControlPlane, eventually, openControlPlane } from './testing/control-plane.ts';
import { functionObject, installFunctions } from './testing/functions.ts';

interface World extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly url: string;
}

/** An API server and a gateway; nothing carries out what is accepted. */
async function openWorld(more: Partial<GatewayOptions> = {}): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const plane = opened.use(await openControlPlane({ controllers: false }));
  await installFunctions(plane);
  const stop = new AbortController();
  const listening = Promise.withResolvers<number>();
  const running = runGateway(
    {
      client: plane.remote,
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      ids: randomIds,
      log: silentLog,
      gateway: 'g',
      onListening: ({ port }) => listening.resolve(port),
      limits: { drainGraceMs: 100 },
      ...more,
    },
    stop.signal,
  );
  running.catch(listening.reject);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  const url = `http://127.0.0.1:${await listening.promise}`;
  const end = opened.move();
  return { plane, url, [Symbol.asyncDispose]: () => end.disposeAsync() };
}

async function createFunction(
  { client }: ControlPlane,
  name: string,
  spec: Partial<FunctionSpec> = {},
): Promise<FunctionObject> {
  return client.resource(refs.functions).create(functionObject(name, spec));
}

function call(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { prefer: 'respond-async', ...(init.headers as Record<string, string>) };
  return fetch(`${url}${path}`, { method: 'POST', ...init, headers });
}

function nameOf(answer: Response): { readonly namespace: string; readonly name: string } {
  assert.equal(answer.status, 202);
  const [, namespace = '', name = ''] =
    /^\/-\/invocations\/([^/]+)\/([^/]+)$/.exec(answer.headers.get('location') ?? '') ?? [];
  return { namespace, name };
}

function finish(
  { client }: ControlPlane,
  key: { readonly namespace: string; readonly name: string },
  status: InvocationStatus,
): Promise<InvocationObject> {
  const whole = { finishTime: new Date().toISOString(), ...status };
  return client
    .resource(refs.invocations)
    .patch(key, { status: whole }, { type: 'merge', subresource: 'status' });
}

async function all({ client }: ControlPlane): Promise<readonly InvocationObject[]> {
  return (await client.resource(refs.invocations).list({})).items;
}

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

test('the state of an invocation, and its answer byte for byte, are read under its Location', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const accepted = await call(url, '/default/f');
  const key = nameOf(accepted);
  const location = `${url}${accepted.headers.get('location')}`;
  const early = await fetch(`${location}/result`);
  assert.equal(early.status, 202);
  assert.ok(early.headers.has('retry-after'));
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const response = {
    status: 418,
    headers: [
      { name: 'Content-Type', value: 'application/x-tea' },
      { name: 'Set-Cookie', value: 'a=1' },
      { name: 'Set-Cookie', value: 'b=2' },
    ],
    body: bytes.toString('base64'),
  };
  await finish(plane, key, { phase: 'Failed', attempts: 1, response });
  const state = (await (await fetch(location)).json()) as Record<string, unknown>;
  assert.equal(state['phase'], 'Failed');
  assert.deepEqual(state['response'], response);
  const result = await fetch(`${location}/result`);
  assert.equal(result.status, 418);
  assert.equal(result.headers.get('content-type'), 'application/x-tea');
  assert.deepEqual(result.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(result.headers.get('x-nought-phase'), 'Failed');
  assert.deepEqual(Buffer.from(await result.arrayBuffer()), bytes);
  const head = await fetch(`${location}/result`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '256');
});

test('the pages of invocations refuse what they cannot answer', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ['GET', '/-/invocations/default/f-none', 404, /no-such-invocation/],
    ['GET', '/-/invocations/default/f-none/result', 404, /no-such-invocation/],
    ['DELETE', '/-/invocations/default/f-none', 404, /no-such-invocation/],
    ['GET', '/-/invocations/default', 404, /no-such-page/],
    ['GET', '/-/invocations/', 404, /no-such-page/],
    ['GET', '/-/invocations/default/a/b', 404, /no-such-page/],
    ['GET', '/-/invocations/../secrets/a', 404, /no-such/],
    ['POST', '/-/invocations/default/f-none', 405, /method-not-allowed/],
    ['DELETE', '/-/invocations/default/f-none/result', 405, /method-not-allowed/],
  ];
  for (const [method, path, status, words] of cases) {
    const answer = await fetch(`${url}${path}`, { method });
    assert.equal(answer.status, status, path);
    assert.match(await answer.text(), words);
  }
});

test('a result that is no answer of the function is a problem: cancelled, too large, never answered', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const ends: readonly (readonly [InvocationStatus, number, RegExp])[] = [
    [{ phase: 'Cancelled' }, 410, /invocation-cancelled/],
    [
      {
        phase: 'Failed',
        response: { status: 200 },
        conditions: [{ type: 'Failed', status: 'True', reason: 'ResultTooLarge', message: 'M' }],
      },
      502,
      /"detail":"M".*"reason":"ResultTooLarge"/,
    ],
    [
      {
        phase: 'Failed',
        conditions: [{ type: 'Failed', status: 'True', reason: 'RetriesExhausted', message: 'N' }],
      },
      502,
      /"detail":"N"/,
    ],
  ];
  for (const [status, code, words] of ends) {
    const accepted = await call(url, '/default/f');
    await finish(plane, nameOf(accepted), status);
    const answer = await fetch(`${url}${accepted.headers.get('location')}/result`);
    assert.equal(answer.status, code);
    assert.match(await answer.text(), words);
  }
});

test('DELETE cancels an invocation once, and comes too late for one that is finished', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const first = await call(url, '/default/f');
  const location = `${url}${first.headers.get('location')}`;
  for (let i = 0; i < 2; i += 1) {
    const answer = await fetch(location, { method: 'DELETE' });
    assert.equal(answer.status, 200);
    const state = (await answer.json()) as Record<string, unknown>;
    assert.equal(state['phase'], 'Cancelled');
    assert.equal(state['reason'], 'Cancelled');
  }
  const second = await call(url, '/default/f');
  await finish(plane, nameOf(second), { phase: 'Succeeded', response: { status: 200 } });
  const late = await fetch(`${url}${second.headers.get('location')}`, { method: 'DELETE' });
  assert.equal(late.status, 409);
  assert.match(await late.text(), /already-finished/);
});

test('Prefer: wait holds a request for a state until the invocation is finished', async () => {
  await using world = await openWorld();
  const { plane, url } = world;
  await createFunction(plane, 'f');
  const accepted = await call(url, '/default/f');
  const location = `${url}${accepted.headers.get('location')}`;
  const unfinished = await fetch(location, { headers: { prefer: 'wait=1' } });
  assert.match(await unfinished.text(), /"phase":"Pending"/);
  const waiting = fetch(`${location}/result`, { headers: { prefer: 'wait=30' } });
  const body = Buffer.from('there').toString('base64');
  await finish(plane, nameOf(accepted), { phase: 'Succeeded', response: { status: 200, body } });
  assert.equal(await (await waiting).text(), 'there');
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
