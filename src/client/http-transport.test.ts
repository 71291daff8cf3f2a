import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isStatus, StatusError } from '../api/index.ts';
import { createClient } from './create-client.ts';
import { httpTransport } from './http-transport.ts';
import { refs } from './refs.ts';
import { openFarSide, sendJson } from './testing/far-side.ts';
import type { ApiRequest } from './transport.ts';

const signal = AbortSignal.timeout(20_000);

function getRequest(overrides: Partial<ApiRequest> = {}): ApiRequest {
  return {
    method: 'GET',
    path: '/api/v1/pods',
    query: {},
    body: undefined,
    contentType: '',
    signal,
    ...overrides,
  };
}

test('send() carries method, path, query, body, content type and token', async () => {
  await using server = await openFarSide(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { authorization, 'content-type': type, 'user-agent': agent } = request.headers;
    sendJson(response, 201, { authorization, type, agent, body: Buffer.concat(chunks).toString() });
  });
  using transport = httpTransport({
    server: `${server.url}/prefix/`,
    token: 't0',
    userAgent: 'me',
  });
  const answer = await transport.send(
    getRequest({
      method: 'POST',
      path: '/api/v1/namespaces/a%20b/pods',
      query: { fieldSelector: 'metadata.name=x', limit: '2' },
      body: { grüße: 1 },
      contentType: 'application/json',
    }),
  );
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.body, {
    authorization: 'Bearer t0',
    type: 'application/json',
    agent: 'me',
    body: '{"grüße":1}',
  });
  assert.deepEqual(server.requests, [
    'POST /prefix/api/v1/namespaces/a%20b/pods?fieldSelector=metadata.name%3Dx&limit=2',
  ]);
});

test('send() gives text where the answer is no JSON, and rejects broken JSON', async () => {
  await using server = await openFarSide((_, response) => response.end('ok'));
  using transport = httpTransport({ server: server.url });
  assert.deepEqual(await transport.send(getRequest()), { status: 200, body: 'ok' });
  server.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":');
  };
  await assert.rejects(transport.send(getRequest()), /it is no JSON/);
});

test('send() keeps its connections and works after the server closed them', async () => {
  const ports = new Set<number | undefined>();
  await using server = await openFarSide((request, response) => {
    ports.add(request.socket.remotePort);
    sendJson(response, 200, {});
  });
  using transport = httpTransport({ server: server.url });
  await transport.send(getRequest());
  await transport.send(getRequest());
  assert.equal(ports.size, 1);
  // The next GET goes out on the kept connection, which then breaks without an answer.
  let broken = 0;
  server.answer = (request, response) => {
    if (ports.has(request.socket.remotePort)) {
      broken += 1;
      request.socket.destroy();
      return;
    }
    sendJson(response, 200, { again: true });
  };
  assert.deepEqual((await transport.send(getRequest())).body, { again: true });
  assert.equal(broken, 1);
});

test('send() does not repeat a write whose connection broke', async () => {
  await using server = await openFarSide((_, response) => sendJson(response, 200, {}));
  using transport = httpTransport({ server: server.url });
  await transport.send(getRequest());
  server.answer = (request) => request.socket.destroy();
  const write = getRequest({ method: 'POST', body: {}, contentType: 'application/json' });
  await assert.rejects(transport.send(write), /Cannot reach the API server/);
  assert.equal(server.requests.length, 2);
});

test('send() rejects with the reason of its signal and leaves no connection', async () => {
  await using server = await openFarSide(() => undefined);
  using transport = httpTransport({ server: server.url });
  const controller = new AbortController();
  const reason = new Error('enough');
  server.answer = (request) => {
    closed = once(request.socket, 'close');
    controller.abort(reason);
  };
  let closed: Promise<unknown> = Promise.resolve();
  await assert.rejects(transport.send(getRequest({ signal: controller.signal })), reason);
  await closed;
});

test('send() ends after the answer time-out', async () => {
  await using server = await openFarSide(() => undefined);
  using transport = httpTransport({ server: server.url, answerTimeoutMs: 50 });
  await assert.rejects(transport.send(getRequest()), /No answer within 50 ms/);
});

test('send() ends after the connect time-out where no TLS handshake comes', async () => {
  await using silent = createServer((socket) => socket.resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  using transport = httpTransport({ server: `https://127.0.0.1:${port}`, connectTimeoutMs: 50 });
  await assert.rejects(transport.send(getRequest()), /No connection within 50 ms/);
});

test('watch() yields events as they come and ends with the server', async () => {
  await using server = await openFarSide((_, response) => {
    response.write('{"type":"ADDED","n":1}\n{"type":"ADD');
    response.write('ED","n":2}\n');
    response.end();
  });
  using transport = httpTransport({ server: server.url });
  const answer = await transport.watch(getRequest());
  assert(answer.kind === 'events');
  const seen: unknown[] = [];
  for await (const event of answer.events) seen.push(event);
  assert.deepEqual(seen, [
    { type: 'ADDED', n: 1 },
    { type: 'ADDED', n: 2 },
  ]);
});

test('watch() outlives the answer time-out once it has begun', async () => {
  await using server = await openFarSide((_, response) => {
    response.flushHeaders();
    setTimeout(() => response.end('{"late":true}\n'), 150);
  });
  using transport = httpTransport({ server: server.url, answerTimeoutMs: 50 });
  const answer = await transport.watch(getRequest());
  assert(answer.kind === 'events');
  const seen: unknown[] = [];
  for await (const event of answer.events) seen.push(event);
  assert.deepEqual(seen, [{ late: true }]);
});

test('watch() closes its connection when its reader stops', async () => {
  let closed: Promise<unknown> = Promise.resolve();
  await using server = await openFarSide((request, response) => {
    closed = once(request.socket, 'close');
    response.write('{"n":1}\n');
  });
  using transport = httpTransport({ server: server.url });
  const answer = await transport.watch(getRequest());
  assert(answer.kind === 'events');
  for await (const event of answer.events) {
    assert.deepEqual(event, { n: 1 });
    break;
  }
  await closed;
});

test('watches do not use up the connections of requests', async () => {
  await using server = await openFarSide((request, response) => {
    if (request.url?.includes('watch') === true) response.flushHeaders();
    else sendJson(response, 200, { ok: true });
  });
  using transport = httpTransport({ server: server.url, maxConnections: 1 });
  const controller = new AbortController();
  const query = { watch: 'true' };
  const watches = Array.from({ length: 20 }, () =>
    transport.watch(getRequest({ query, signal: controller.signal })),
  );
  await Promise.all(watches);
  const answers = Array.from({ length: 20 }, () => transport.send(getRequest()));
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer.body, { ok: true });
  controller.abort();
});

test('stream() yields raw bytes, or the refusal', async () => {
  await using server = await openFarSide((_, response) => response.end('line 1\nline'));
  using transport = httpTransport({ server: server.url });
  const client = createClient(transport, signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.stream('/log', { follow: 'true' }, signal)) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), 'line 1\nline');
  server.answer = (_, response) => sendJson(response, 404, status(404, 'NotFound'));
  await assert.rejects(async () => {
    for await (const _ of client.stream('/log', {}, signal)) assert.fail('There is no such log');
  }, StatusError);
});

test('find() is undefined for NotFound, get() throws the StatusError', async () => {
  await using server = await openFarSide((_, response) =>
    sendJson(response, 404, status(404, 'NotFound')),
  );
  using transport = httpTransport({ server: server.url });
  const pods = createClient(transport, signal).resource(refs.pods);
  assert.equal(await pods.find({ namespace: 'a', name: 'b' }), undefined);
  await assert.rejects(pods.get({ namespace: 'a', name: 'b' }), (error) =>
    isStatus(error, 'NotFound'),
  );
});

test('an object is never addressed without its name or namespace', async () => {
  using transport = httpTransport({ server: 'http://127.0.0.1:9' });
  const client = createClient(transport, signal);
  const pods = client.resource(refs.pods);
  await assert.rejects(pods.delete({ namespace: 'a', name: '' }), TypeError);
  await assert.rejects(pods.delete({ name: 'b' }), TypeError);
});

test('list() names the kind of each item, watch() throws the ERROR event', async () => {
  await using server = await openFarSide((_, response) =>
    sendJson(response, 200, {
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '5' },
      items: [{ metadata: { name: 'a' } }],
    }),
  );
  using transport = httpTransport({ server: server.url });
  const pods = createClient(transport, signal).resource(refs.pods);
  const list = await pods.list({});
  assert.deepEqual(list.items, [{ metadata: { name: 'a' }, apiVersion: 'v1', kind: 'Pod' }]);
  server.answer = (_, response) => {
    response.end(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired') })}\n`);
  };
  await assert.rejects(
    async () => {
      for await (const _ of pods.watch({ resourceVersion: '1' }, signal)) assert.fail('No event');
    },
    (error) => error instanceof StatusError && error.code === 410,
  );
});

test('a request that was throttled is repeated when the server says', async () => {
  await using server = await openFarSide((_, response) => {
    if (server.requests.length < 3) {
      const body = { ...status(429, 'TooManyRequests'), details: { retryAfterSeconds: 0 } };
      sendJson(response, 429, body);
    } else {
      sendJson(response, 200, { ok: true });
    }
  });
  using transport = httpTransport({ server: server.url });
  const client = createClient(transport, signal);
  assert.deepEqual(await client.raw({ method: 'GET', path: '/version' }), { ok: true });
  assert.equal(server.requests.length, 3);
});

function status(code: number, reason: string): Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason };
}
