import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type FakePod, startPod } from '../testing/fake-pod.ts';
import { Harness } from '../testing/harness.ts';
import { exchangeRaw, RawClient } from '../testing/raw-client.ts';
import { attacks, smuggled } from '../testing/smuggling-cases.ts';

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

  for (const [kind, list] of Object.entries(attacks)) {
    for (const [what, status, bytes] of list) {
      test(`${kind}: ${what}: ${status}, closed, and nothing reaches a pod`, async () => {
        const answer = await exchangeRaw(gateway.port, bytes + smuggled);
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
        assert.match(answer, /\r\nConnection: close\r\n/);
        assert.match(answer, /\r\nContent-Type: application\/problem\+json\r\n/);
        assert.equal(answer.split('HTTP/1.1 ').length, 2, 'one answer');
        assert.deepEqual(pod.seen, []);
      });
    }
  }
});

describe('defused', () => {
  let gateway: Harness;
  let pod: FakePod;

  before(async () => {
    gateway = await Harness.start({ headTimeoutMs: 300, connections: 20 });
    pod = await startPod((request, response) => {
      request.resume();
      response.end(`[${request.rawHeaders.join('|')}]`);
    });
    gateway.function();
    gateway.pod(pod);
  });

  after(async () => {
    await gateway.stop();
    await pod[Symbol.asyncDispose]();
  });

  const start = 'POST /default/diff/first HTTP/1.1\r\nHost: x\r\nConnection: close';
  const harmless: readonly [what: string, bytes: string, forbidden: RegExp][] = [
    [
      'an upgrade to h2c',
      `${start}, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      /h2c|AAMAAABk|upgrade/i,
    ],
    [
      'fields that Connection names',
      `${start}, X-Forwarded-For, x-secret\r\nX-Secret: 1\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n`,
      /secret|6\.6\.6\.6/i,
    ],
    [
      'a length in the trailers',
      `${start}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 40\r\nHost: evil\r\n\r\n`,
      /\|40(?![0-9a-f])|evil/i,
    ],
    [
      'chunk extensions',
      `${start}\r\nTransfer-Encoding: chunked\r\n\r\n0;a=";\t\x80"\r\n\r\n`,
      /\x80/,
    ],
    ['a TE field', `${start}, TE\r\nTE: trailers, deflate\r\n\r\n`, /deflate/],
    ['credentials for a proxy', `${start}\r\nProxy-Authorization: Basic x\r\n\r\n`, /Basic/],
    ['a body of a GET', `GET ${start.slice(5)}\r\nContent-Length: 44\r\n\r\n${smuggled}`, /evil/],
  ];
  for (const [what, bytes, forbidden] of harmless) {
    test(`${what} is answered once, and not passed on`, async () => {
      const answer = await exchangeRaw(gateway.port, bytes + smuggled);
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.equal(answer.split('HTTP/1.1 ').length, 2, 'one answer');
      assert.doesNotMatch(answer.slice(answer.indexOf('[')), forbidden);
      assert.ok(!pod.seen.some((seen) => seen.startsWith('GET /evil')));
    });
  }

  test('the authority of an absolute URI is the Host, and the pod gets a path', async () => {
    const answer = await exchangeRaw(
      gateway.port,
      'GET http://X/default/diff/abs?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(pod.seen.some((seen) => seen.startsWith('GET /abs?q ')));
  });

  test('a malformed head is a problem with the connection closed', async () => {
    const answer = await exchangeRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
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
