import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Harness, until } from '../testing/harness.ts';
import { exchangeRaw, RawClient } from '../testing/raw-client.ts';
import { startRawPod } from '../testing/raw-pod.ts';

const ok = 'HTTP/1.1 200 OK\r\n';
const good = `${ok}Content-Length: 4\r\n\r\ngood`;
const evil = `${ok}Content-Length: 4\r\n\r\nevil`;
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

/** One call for which the pod answers so, then one that it answers well; returns both answers. */
async function twice(
  bytes: string,
  method = 'POST',
  thenClose = false,
): Promise<readonly [first: string, second: string, connections: number]> {
  await using gateway = await Harness.start();
  let count = 0;
  await using pod = await startRawPod((_, socket) => {
    count += 1;
    if (count > 1) return good;
    if (!thenClose) return bytes;
    socket.end(bytes, 'latin1');
    return undefined;
  });
  gateway.function();
  gateway.pod(pod);
  const call = (name: string): string =>
    `${method} /default/diff/${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const first = await exchangeRaw(gateway.port, call('first'));
  const second = await exchangeRaw(gateway.port, call('second'));
  return [first, second, pod.connections()];
}

describe('response smuggling', () => {
  const malformed: readonly [what: string, bytes: string][] = [
    ['TE and CL', `${ok}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`],
    ['CL and TE', `${ok}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two differing lengths', `${ok}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`],
    ['two equal lengths', `${ok}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`],
    ['a list of lengths', `${ok}Content-Length: 4, 4\r\n\r\nabcd`],
    ['a signed length', `${ok}Content-Length: +4\r\n\r\nabcd`],
    ['a negative length', `${ok}Content-Length: -4\r\n\r\nabcd`],
    ['a hexadecimal length', `${ok}Content-Length: 0x4\r\n\r\nabcd`],
    ['an empty length', `${ok}Content-Length:\r\n\r\nabcd`],
    ['a length past 2^53', `${ok}Content-Length: 9007199254740993\r\n\r\nabcd`],
    ['another coding', `${ok}Transfer-Encoding: gzip\r\n\r\nabcd`],
    ['a list of codings', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    [
      'chunked twice',
      `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded line', `${ok}X: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`],
    ['a bare LF', `${ok}X: 1\nContent-Length: 0\r\n\r\n`],
    ['a bare CR', `${ok}X: 1\rY: 2\r\nContent-Length: 0\r\n\r\n`],
    ['bare LFs only', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['a NUL', `${ok}X: \0\r\nContent-Length: 0\r\n\r\n`],
    ['a space before the colon', `${ok}Content-Length : 4\r\n\r\nabcd`],
    ['a line without a colon', `${ok}X\r\nContent-Length: 0\r\n\r\n`],
    ['an empty name', `${ok}: x\r\nContent-Length: 0\r\n\r\n`],
    ['HTTP/2', 'HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['another protocol', 'ICY 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['no space before the code', 'HTTP/1.1200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a code of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a code of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a code below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a CR in the reason', 'HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n'],
    ['an empty line first', `\r\n${good}`],
    ['more than 256 lines', `${ok}${'X: 1\r\n'.repeat(257)}Content-Length: 0\r\n\r\n`],
    ['a head over 64 KiB', `${ok}X: ${'x'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`],
    ['a head without end', `${ok}X: ${'x'.repeat(70_000)}`],
    ['a switch of protocols that nobody asked for', 'HTTP/1.1 101 OK\r\nUpgrade: x\r\n\r\n'],
    ['interim answers without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20_000)],
  ];
  for (const [what, bytes] of malformed) {
    test(`${what}: 502, and the connection is not used again`, async () => {
      const [first, second, connections] = await twice(bytes);
      const answer = first.replaceAll('HTTP/1.1 102 Processing\r\n\r\n', '');
      assert.match(answer, /^HTTP\/1\.1 502 /);
      assert.equal(answer.split('HTTP/1.1 ').length, 2, 'one answer');
      assert.ok(second.endsWith('good'));
      assert.equal(connections, 2);
    });
  }

  const surplus: readonly [what: string, bytes: string, method: string, body: string][] = [
    ['a second answer', `${good}${evil}`, 'POST', 'good'],
    [
      'a second answer behind a chunked one',
      `${chunked}4\r\ngood\r\n0\r\n\r\n${evil}`,
      'POST',
      'good\r\n0\r\n\r\n',
    ],
    ['bytes behind the length', `${good}x`, 'POST', 'good'],
    ['a body of a 204', `HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n${evil}`, 'POST', '\r\n\r\n'],
    [
      'a chunked body of a 204',
      `HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n`,
      'POST',
      '\r\n\r\n',
    ],
    ['a body of a 304', `HTTP/1.1 304 No\r\nContent-Length: 4\r\n\r\n${evil}`, 'POST', '\r\n\r\n'],
    ['a body of a HEAD', evil, 'HEAD', '\r\n\r\n'],
    [
      'a length in the trailers',
      `${chunked}4\r\ngood\r\n0\r\nContent-Length: 99\r\n\r\n${evil}`,
      'POST',
      'good\r\n0\r\n\r\n',
    ],
  ];
  for (const [what, bytes, method, body] of surplus) {
    test(`${what} is not passed on, and the connection is not used again`, async () => {
      const [first, second, connections] = await twice(bytes, method);
      assert.equal(first.split('HTTP/1.1 ').length, 2, 'one answer');
      assert.ok(first.endsWith(body), first);
      assert.ok(!first.includes('evil') && !first.includes('Content-Length: 99'));
      assert.match(second, /^HTTP\/1\.1 200 OK\r\n/);
      assert.ok(!second.includes('evil'));
      assert.equal(connections, 2);
    });
  }

  const broken: readonly [what: string, bytes: string][] = [
    ['a chunk size that is none', `${chunked}4\r\ngood\r\nxyz\r\n`],
    ['chunk data not ended by CRLF', `${chunked}4\r\ngoodXX0\r\n\r\n`],
    ['a size line ended by LF', `${chunked}4\r\ngood\r\n4\nevil\r\n0\r\n\r\n`],
    ['a folded trailer', `${chunked}4\r\ngood\r\n0\r\nX: 1\r\n 2\r\n\r\n`],
  ];
  for (const [what, bytes] of broken) {
    test(`${what}: the answer is cut off, not completed`, async () => {
      const [first, second] = await twice(bytes);
      assert.ok(!first.endsWith('0\r\n\r\n'), first);
      assert.ok(second.endsWith('good'));
    });
  }

  const early: readonly [what: string, bytes: string, complete: boolean | 502][] = [
    ['before the head', '', 502],
    ['within the head', `${ok}Content-Le`, 502],
    ['within a body of known length', `${ok}Content-Length: 10\r\n\r\ngood`, false],
    ['within a chunk', `${chunked}a\r\ngood`, false],
    ['before the last chunk', `${chunked}4\r\ngood\r\n`, false],
    ['within the trailers', `${chunked}4\r\ngood\r\n0\r\nX: 1\r\n`, false],
    ['of a body that ends so', `${ok}Content-Type: text/plain\r\n\r\ngood`, true],
    ['of a body of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\ngood', true],
  ];
  for (const [what, bytes, complete] of early) {
    test(`an early end ${what}: ${complete === 502 ? 502 : complete ? 'complete' : 'cut off'}`, async () => {
      const [first] = await twice(bytes, 'POST', true);
      if (complete === 502) assert.match(first, /^HTTP\/1\.1 502 /);
      else assert.equal(first.endsWith('0\r\n\r\n'), complete, first);
    });
  }

  test('bytes on an idle connection are not taken for an answer', async () => {
    await using gateway = await Harness.start();
    let send: (text: string) => void = () => undefined;
    let closed = false;
    await using pod = await startRawPod((_, socket) => {
      send = (text) => socket.write(text);
      socket.on('close', () => {
        closed = true;
      });
      return good;
    });
    gateway.function();
    gateway.pod(pod);
    using client = new RawClient(gateway.port);
    const call = 'POST /default/diff/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    client.send(call);
    await client.until('good');
    send(evil);
    await until(() => closed, 'the connection is given up');
    client.send(call);
    await client.until(/good[^]*good/);
    assert.ok(!client.received.includes('evil'));
  });
});
