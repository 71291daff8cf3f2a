import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { describe, test } from 'node:test';
import { startPod } from '../testing/fake-pod.ts';
import { until } from '../testing/harness.ts';
import { flag, frame, headerBlock, RawHttp2Client } from '../testing/raw-http2-client.ts';
import { answerOf, SecureGateway } from '../testing/secure-gateway.ts';

type Fields = readonly (readonly [string, string])[];

const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/default/diff/x'],
  [':authority', 'a'],
];

/** The error code of the GOAWAY that came. */
async function goawayOf(client: RawHttp2Client): Promise<number> {
  const { payload } = await client.until(frame.goaway, 0, 'GOAWAY');
  return payload.readUInt32BE(4);
}

describe('http2 limits', () => {
  test('a client that opens more streams at once than it was told is cut off', async () => {
    await using gateway = await SecureGateway.start({ streams: 3 });
    await using pod = await startPod((incoming) => incoming.resume());
    gateway.harness.function();
    gateway.harness.pod(pod);
    using client = await RawHttp2Client.open(gateway.port);
    for (let stream = 1; stream <= 5; stream += 2) client.request(stream, get);
    await until(() => pod.seen.length === 3, 'three calls');
    client.request(7, get);
    assert.equal(await goawayOf(client), constants.NGHTTP2_PROTOCOL_ERROR);
    await until(() => client.closed, 'the connection is closed');
    assert.equal(pod.seen.length, 3);
    // A client that knows the limit waits instead.
    const session = gateway.connect();
    await once(session, 'remoteSettings');
    const answers = Array.from({ length: 9 }, () =>
      answerOf(session.request({ ':path': '/-/healthz' })),
    );
    for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
    session.destroy();
  });

  test('rapid reset: a client that resets what it asks for is cut off, and the pod spared', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming) => incoming.resume());
    gateway.harness.function();
    gateway.harness.pod(pod);
    using client = await RawHttp2Client.open(gateway.port);
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    for (let stream = 1; stream < 4000 && !client.closed; stream += 2) {
      client.request(stream, get);
      client.send(frame.rstStream, 0, stream, cancel);
    }
    await until(() => client.closed, 'the connection is closed');
    assert.ok(pod.connections < 400, `${pod.connections} connections to the pod`);
    // Others are served.
    const session = gateway.connect();
    const answer = await answerOf(session.request({ ':path': '/-/healthz' }));
    assert.equal(answer.status, 200);
    session.destroy();
  });

  for (const [what, type, payload] of [
    ['PING', frame.ping, Buffer.alloc(8)],
    ['SETTINGS', frame.settings, Buffer.alloc(0)],
  ] as const) {
    test(`a flood of ${what} is cut off`, async () => {
      await using gateway = await SecureGateway.start();
      using client = await RawHttp2Client.open(gateway.port);
      for (let count = 0; count < 2000; count += 1) client.send(type, 0, 0, payload);
      assert.equal(await goawayOf(client), constants.NGHTTP2_ENHANCE_YOUR_CALM);
      await until(() => client.closed, 'the connection is closed');
    });
  }

  test('an endless header section is cut off (CONTINUATION flood)', async () => {
    await using gateway = await SecureGateway.start();
    using client = await RawHttp2Client.open(gateway.port);
    client.send(frame.headers, flag.endStream, 1, headerBlock(get));
    const more = headerBlock([['a', 'x'.repeat(1000)]]);
    for (let count = 0; count < 2000; count += 1) client.send(frame.continuation, 0, 1, more);
    await until(() => client.closed, 'the connection is closed');
  });

  test('a header section far over the limit is reset, and the connection goes on', async () => {
    await using gateway = await SecureGateway.start();
    using client = await RawHttp2Client.open(gateway.port);
    const long: Fields = Array.from({ length: 40 }, () => ['a', 'x'.repeat(1000)] as const);
    client.send(frame.headers, flag.endStream, 1, headerBlock([...get, ...long.slice(0, 10)]));
    client.send(frame.continuation, 0, 1, headerBlock(long.slice(0, 14)));
    client.send(frame.continuation, flag.endHeaders, 1, headerBlock(long.slice(0, 14)));
    const { payload } = await client.until(frame.rstStream, 1, 'the stream is reset');
    assert.equal(payload.readUInt32BE(0), constants.NGHTTP2_ENHANCE_YOUR_CALM);
    client.request(3, [...get.slice(0, 2), [':path', '/-/healthz'], [':authority', 'a']]);
    await client.until(frame.data, 3, 'an answer');
  });

  const malformed: readonly [what: string, fields: Fields][] = [
    ['a Connection field', [...get, ['connection', 'close']]],
    ['a Transfer-Encoding field', [...get, ['transfer-encoding', 'chunked']]],
    ['an Upgrade field', [...get, ['upgrade', 'h2c']]],
    ['a Keep-Alive field', [...get, ['keep-alive', 'timeout=1']]],
    ['TE with another value than trailers', [...get, ['te', 'gzip']]],
    ['a name in upper case', [...get, ['X-A', '1']]],
    [
      'a line end in the path',
      [...get.slice(0, 2), [':path', '/a HTTP/1.1\r\nevil: 1\r\n'], [':authority', 'a']],
    ],
    [
      'a space in the path',
      [...get.slice(0, 2), [':path', '/default/diff/evil x'], [':authority', 'a']],
    ],
    ['a line end in the method', [[':method', 'GET / HTTP/1.1\r\n'], ...get.slice(1)]],
    ['a line end in the authority', [...get.slice(0, 3), [':authority', 'a\r\nevil: 1']]],
    ['an authority with user information', [...get.slice(0, 3), [':authority', 'a@b']]],
    ['no path', [...get.slice(0, 2), [':authority', 'a']]],
    ['an empty path', [...get.slice(0, 2), [':path', ''], [':authority', 'a']]],
    ['no authority', get.slice(0, 3)],
    ['two paths', [...get, [':path', '/b']]],
    ['a pseudo field after the others', [['x', '1'], ...get]],
    ['a response pseudo field', [...get, [':status', '200']]],
    ['two lengths', [...get, ['content-length', '0'], ['content-length', '0']]],
    ['a length that is none', [...get, ['content-length', '+1']]],
    ['a length that is not kept', [...get, ['content-length', '5']]],
    ['two hosts', [...get, ['host', 'a'], ['host', 'a']]],
    ['another Host than the authority', [...get, ['host', 'b']]],
  ];
  test('malformed requests are reset or refused with 400, and none reaches a pod', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod();
    gateway.harness.function();
    gateway.harness.pod(pod);
    for (const [what, fields] of malformed) {
      using client = await RawHttp2Client.open(gateway.port);
      client.request(1, fields);
      await until(
        () =>
          client.closed ||
          client.frames.some(
            ({ type, stream }) =>
              stream === 1 && (type === frame.rstStream || type === frame.headers),
          ),
        what,
      );
      const head = client.frames.find(({ type }) => type === frame.headers);
      // 400 is entry 12 of HPACK's static table.
      if (head !== undefined) assert.equal(head.payload[0], 0x80 | 12, what);
    }
    assert.deepEqual(pod.seen, []);
  });

  test('fields with forbidden characters do not reach a pod', async () => {
    await using gateway = await SecureGateway.start();
    await using pod = await startPod((incoming, response) => {
      response.end(incoming.rawHeaders.join('|'));
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    for (const [name, value] of [
      ['evil: a', '1'],
      ['evil a', '1'],
      ['x', 'a\r\nevil: 1'],
      ['x', 'evil\0b'],
    ] as const) {
      using client = await RawHttp2Client.open(gateway.port);
      client.request(1, [...get, [name, value]]);
      const { payload } = await client.until(frame.data, 1, 'an answer');
      assert.ok(!payload.toString('latin1').includes('evil'), name);
    }
  });

  test('a connection without streams is told GOAWAY after its time, and ends', async () => {
    await using gateway = await SecureGateway.start({ keepAliveMs: 200, headTimeoutMs: 300 });
    const silent = await RawHttp2Client.open(gateway.port);
    assert.equal(await goawayOf(silent), constants.NGHTTP2_NO_ERROR);
    await until(() => silent.closed, 'the silent connection is closed');
    const session = gateway.connect();
    assert.equal((await answerOf(session.request({ ':path': '/-/healthz' }))).status, 200);
    await once(session, 'close');
  });

  test('drain: GOAWAY, and what is under way is answered', async () => {
    const gateway = await SecureGateway.start({ drainGraceMs: 5000 });
    let finish: () => void = () => undefined;
    await using pod = await startPod((incoming, response) => {
      incoming.resume();
      finish = () => response.end('finished');
    });
    gateway.harness.function();
    gateway.harness.pod(pod);
    const session = gateway.connect();
    const call = { ':method': 'POST', ':path': '/default/diff' };
    const answer = answerOf(session.request(call, { endStream: true }));
    await until(() => pod.seen.length === 1, 'in flight');
    const goaway = once(session, 'goaway');
    const stopped = gateway[Symbol.asyncDispose]();
    const [code] = (await goaway) as [number];
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    finish();
    assert.equal((await answer).body, 'finished');
    await stopped;
    session.destroy();
  });

  test('connections of all kinds are counted out when they end', async () => {
    await using gateway = await SecureGateway.start({ connections: 2 });
    for (let round = 0; round < 5; round += 1) {
      const session = gateway.connect();
      const answer = answerOf(session.request({ ':path': '/-/healthz' }));
      const { status } = await answer;
      // Refused while the one before is not yet known to be gone.
      if (status === 0) round -= 1;
      session.destroy();
    }
  });
});
