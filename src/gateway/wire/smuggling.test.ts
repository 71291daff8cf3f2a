import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type FakePod, startPod } from '../testing/fake-pod.ts';
import { Harness } from '../testing/harness.ts';
import { exchangeRaw, RawClient } from '../testing/raw-client.ts';

const evil = 'GET /default/diff/evil HTTP/1.1\r\nHost: x\r\n\r\n';
const post = 'POST /default/diff/first HTTP/1.1\r\nHost: x\r\n';

describe('smuggling', () => {
  let gateway: Harness;
  let pod: FakePod;

  before(async () => {
    gateway = await Harness.start({ headTimeoutMs: 300, connections: 20 });
    pod = await startPod();
    gateway.function();
    gateway.pod(pod);
  });

  after(async () => {
    await gateway.stop();
    await pod[Symbol.asyncDispose]();
  });

  const attacks: readonly [what: string, status: number, bytes: string][] = [
    [
      'CL.TE',
      400,
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`,
    ],
    [
      'TE.CL',
      400,
      `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${evil}`,
    ],
    [
      'TE.TE with another coding',
      501,
      `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${evil}`,
    ],
    [
      'TE behind a tab and LF',
      400,
      `${post}X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`,
    ],
    ['CL.CL', 400, `${post}Content-Length: 0\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`],
    ['TERM.EXT', 400, `${post}Transfer-Encoding: chunked\r\n\r\n1;\n${evil}\r\na\r\n0\r\n\r\n`],
    [
      'a chunk size that wraps',
      400,
      `${post}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n${evil}`,
    ],
    [
      'a length in the trailers',
      200,
      `${post}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nContent-Length: 40\r\n\r\n`,
    ],
    [
      'a nominated length',
      400,
      `${post}Connection: content-length\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
    ],
  ];
  for (const [what, status, bytes] of attacks) {
    test(`${what}: ${status}, closed, and nothing hidden reaches a pod`, async () => {
      const answer = await exchangeRaw(gateway.port, bytes);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(answer.split('HTTP/1.1 ').length, 2);
      assert.ok(!pod.seen.some((seen) => seen.includes('/evil')));
    });
  }

  test('a malformed head is a problem with the connection closed', async () => {
    const answer = await exchangeRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(answer, /\r\nContent-Type: application\/problem\+json\r\n/);
    assert.match(answer, /\r\nConnection: close\r\n/);
    assert.match(answer, /"detail":"The Host header is malformed"/);
  });

  test('a head that comes too slowly is a 408', async () => {
    using client = new RawClient(gateway.port);
    client.send('GET / HTTP/1.1\r\nHost:');
    assert.match(await client.untilClosed(), /^HTTP\/1\.1 408 /);
  });

  test('a connection that says nothing is closed', async () => {
    using client = new RawClient(gateway.port);
    assert.equal(await client.untilClosed(), '');
  });

  test('more connections than the limit are refused, the others served', async () => {
    const clients = Array.from({ length: 25 }, () => new RawClient(gateway.port));
    const first = clients[0] as RawClient;
    first.send('GET /-/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await first.untilClosed(), /200 OK/);
    for (const client of clients) await client.untilClosed();
    for (const client of clients) client.socket.destroy();
    assert.equal((await gateway.fetch('/-/healthz')).status, 200);
  });
});
