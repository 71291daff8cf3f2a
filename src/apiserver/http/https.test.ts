import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { after, test } from 'node:test';
import { strangerToken, openTestServer, within } from '../testing/open-test-server.ts';
import { HttpsClient } from '../testing/https-client.ts';
import { configMap } from '../testing/fixtures.ts';

const under = await openTestServer({
  limits: { bodyBytes: 4096, jsonDepth: 20, concurrentWatches: 2 },
});
after(() => under[Symbol.asyncDispose]());
const { http } = under;
const configMaps = '/api/v1/namespaces/default/configmaps';

interface StatusBody {
  readonly kind: string;
  readonly reason: string;
  readonly message: string;
}

const status = (json: unknown): StatusBody => json as StatusBody;

test('a request without a known token is answered 401 with a Status', async () => {
  for (const authorization of ['', 'Bearer nobody', 'Basic abc']) {
    const answer = await http.send({ path: configMaps, headers: { authorization } });
    assert.equal(answer.status, 401);
    assert.equal(status(answer.json).reason, 'Unauthorized');
  }
});

test('health and version need no token', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
    const answer = await http.send({ path, headers: { authorization: '' } });
    assert.equal(answer.status, 200, path);
  }
});

test('a user without rights may discover, and is forbidden the rest in so many words', async () => {
  using stranger = new HttpsClient(under.url, under.tls.cert, strangerToken);
  assert.equal((await stranger.send({ path: '/apis' })).status, 200);
  const answer = await stranger.send({ path: configMaps });
  assert.equal(answer.status, 403);
  assert.equal(
    status(answer.json).message,
    'configmaps is forbidden: User "stranger" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
});

test('a body over the limit is answered 413, declared or not', async () => {
  const body = JSON.stringify(configMap('big', { a: 'x'.repeat(8000) }));
  const declared = await http.send({ method: 'POST', path: configMaps, body });
  assert.equal(declared.status, 413);
  assert.match(status(declared.json).message, /limit is 4096/);
  const chunked = await http.send({
    method: 'POST',
    path: configMaps,
    body,
    headers: { 'transfer-encoding': 'chunked' },
  });
  assert.equal(chunked.status, 413);
});

test('malformed bodies are answered 400 with words that help', async () => {
  const cases = [
    { type: 'application/json', body: '{"a":', says: /JSON/ },
    { type: 'application/json', body: '[]', says: /not a JSON object/ },
    { type: 'application/json', body: '"x"', says: /not a JSON object/ },
    { type: 'application/json', body: '{"a":'.repeat(50) + '1' + '}'.repeat(50), says: /nested/ },
    { type: 'application/json', body: Buffer.from([0xff, 0xfe, 0x00]), says: /UTF-8/ },
    { type: 'application/yaml', body: 'a: [1', says: /YAML/ },
    { type: 'application/vnd.kubernetes.protobuf', body: 'nonsense', says: /protobuf/ },
    { type: 'application/json', body: '{"metadata":[]}', says: /metadata|ObjectMeta/ },
    { type: 'application/json', body: '{"metadata":{"labels":{"a":1}}}', says: /labels/ },
    { type: 'application/json', body: '{"kind":"Pod"}', says: /cannot be handled as a ConfigMap/ },
    { type: 'application/json', body: '{"apiVersion":"v2"}', says: /does not match the expected/ },
    { type: 'application/json', body: '', says: /empty/ },
  ];
  for (const { type, body, says } of cases) {
    const headers = { 'content-type': type };
    const answer = await http.send({ method: 'POST', path: configMaps, body, headers });
    assert.equal(answer.status, 400, `${String(body).slice(0, 40)}: ${answer.text}`);
    assert.match(status(answer.json).message, says);
    assert.equal(status(answer.json).reason, 'BadRequest');
  }
});

test('unknown media types are answered 415 and 406', async () => {
  const unsupported = await http.send({
    method: 'POST',
    path: configMaps,
    body: 'x',
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(unsupported.status, 415);
  assert.match(status(unsupported.json).message, /accepted media types include: application\/json/);
  const unacceptable = await http.send({ path: configMaps, headers: { accept: 'text/html' } });
  assert.equal(unacceptable.status, 406);
});

test('what does not exist is 404, what cannot be done is 405', async () => {
  for (const path of [
    '/nope',
    '/api/v2',
    '/apis/nope/v1/things',
    '/api/v1/things',
    '/openapi/v2',
  ]) {
    assert.equal((await http.send({ path })).status, 404, path);
  }
  const answer = await http.send({ method: 'PUT', path: configMaps, body: '{}' });
  assert.equal(answer.status, 405);
});

test('large answers are compressed for clients that take it', async () => {
  for (let i = 0; i < 60; i += 1) {
    const made = await http.sendJson(
      'POST',
      configMaps,
      configMap(`m${i}`, { a: 'y'.repeat(3000) }),
    );
    assert.equal(made.status, 201);
  }
  const plain = await http.send({ path: configMaps });
  assert.equal(plain.headers['content-encoding'], undefined);
  const packed = await http.send({ path: configMaps, headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.ok(packed.bytes.byteLength < plain.bytes.byteLength / 10);
  const small = await http.send({
    path: `${configMaps}/m1`,
    headers: { 'accept-encoding': 'gzip' },
  });
  assert.equal(small.headers['content-encoding'], undefined);
});

test('objects are given as YAML to who asks for it', async () => {
  await http.sendJson('POST', configMaps, configMap('yaml'));
  const answer = await http.send({
    path: `${configMaps}/yaml`,
    headers: { accept: 'application/yaml' },
  });
  assert.equal(answer.headers['content-type'], 'application/yaml');
  assert.match(answer.text, /^apiVersion: v1$/m);
});

test('watches beyond the limit are answered 429, and a closed one makes room', async () => {
  const path = `${configMaps}?watch=true`;
  const first = await http.open({ path });
  const second = await http.open({ path });
  // A watch counts from its first event on.
  for (const response of [first, second]) {
    await within(new Promise((resolve) => response.once('data', resolve)), 'an event');
  }
  const third = await http.send({ path });
  assert.equal(third.status, 429);
  assert.equal(third.headers['retry-after'], '1');
  first.destroy();
  second.destroy();
});

test('listen() names the port that is in use and what to do', async () => {
  const { port } = new URL(under.url);
  await assert.rejects(
    under.server.listen({ host: '127.0.0.1', port: Number(port), tls: under.tls }),
    (error: unknown) =>
      error instanceof Error &&
      error.message.startsWith(`Cannot listen on 127.0.0.1:${port}: the port is in use.`),
  );
});

test('TLS below 1.2 is refused', async () => {
  const { port } = new URL(under.url);
  const socket = connect({
    host: '127.0.0.1',
    port: Number(port),
    ca: under.tls.cert,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'ALL:@SECLEVEL=0',
  });
  const refused = new Promise((resolve) => socket.once('error', resolve));
  assert.ok(await within(refused, 'the refusal'));
});

test('dispose ends watches cleanly and frees the port', async () => {
  const other = await openTestServer();
  const response = await other.http.open({ path: `${configMaps}?watch=true` });
  const ended = new Promise((resolve, reject) => {
    response.on('end', resolve).on('error', reject).resume();
  });
  await within(Promise.resolve(other.server[Symbol.asyncDispose]()), 'the stop');
  await within(ended, 'the end of the watch');
  await other[Symbol.asyncDispose]();
});
