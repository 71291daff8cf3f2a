import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type RequestHead, RequestHeadParser } from './request-head.ts';

const parser = new RequestHeadParser({ headBytes: 16 * 1024, headLines: 100 });

function parse(text: string): ReturnType<RequestHeadParser['parse']> {
  return parser.parse(Buffer.from(text, 'latin1'));
}

function accepted(text: string): RequestHead {
  const result = parse(text);
  assert.ok(result.kind === 'head', JSON.stringify(result));
  return result.head;
}

function refusedWith(text: string): number {
  const result = parse(text);
  return result.kind === 'refused' ? result.status : 0;
}

const host = 'Host: example.com\r\n';

describe('RequestHeadParser', () => {
  test('reads method, target, framing and what is passed on', () => {
    const head = accepted(
      `POST /a/b?c=d HTTP/1.1\r\n${host}A: 1\r\nContent-Length: 5\r\nB:\t2 \t\r\nConnection: keep-alive\r\nC: \r\n\r\nhello`,
    );
    assert.equal(head.method, 'POST');
    assert.equal(head.target, '/a/b?c=d');
    assert.deepEqual(head.framing, { kind: 'length', length: 5 });
    assert.equal(head.lines, 'A: 1\r\nB:\t2 \t\r\nC: \r\n');
    assert.equal(head.keepAlive, true);
  });

  test('takes an absolute URI of the same host, and one empty line before the request', () => {
    assert.equal(accepted(`GET http://Example.com/a?b HTTP/1.1\r\n${host}\r\n`).target, '/a?b');
    assert.equal(accepted(`GET http://example.com HTTP/1.1\r\n${host}\r\n`).target, '/');
    assert.equal(accepted(`\r\nGET /a HTTP/1.1\r\n${host}\r\n`).target, '/a');
  });

  test('a fresh head owes nothing to the one before', () => {
    accepted(
      `GET / HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: upgrade, x\r\nX: 1\r\nExpect: 100-continue\r\nTraceparent: a\r\nX-Request-Id: b\r\nPrefer: wait=1\r\nX-Forwarded-For: c\r\n\r\n`,
    );
    const head = accepted(`GET / HTTP/1.1\r\n${host}X: 1\r\n\r\n`);
    assert.equal(head.websocket, false);
    assert.equal(head.expectContinue, false);
    assert.equal(head.traceparent + head.requestId + head.prefer + head.forwardedFor, '');
    assert.equal(head.lines, 'X: 1\r\n');
  });

  const refusals: readonly [status: number, what: string, text: string][] = [
    [
      400,
      'Content-Length and Transfer-Encoding',
      `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    [
      400,
      'Transfer-Encoding and Content-Length',
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`,
    ],
    [
      400,
      'two equal lengths',
      `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    ],
    [
      400,
      'two differing lengths',
      `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    ],
    [400, 'a list of lengths', `POST / HTTP/1.1\r\n${host}Content-Length: 2, 2\r\n\r\n`],
    [400, 'a signed length', `POST / HTTP/1.1\r\n${host}Content-Length: +2\r\n\r\n`],
    [400, 'a hexadecimal length', `POST / HTTP/1.1\r\n${host}Content-Length: 0x2\r\n\r\n`],
    [400, 'an empty length', `POST / HTTP/1.1\r\n${host}Content-Length: \r\n\r\n`],
    [400, 'a length with a space', `POST / HTTP/1.1\r\n${host}Content-Length: 1 2\r\n\r\n`],
    [
      400,
      'a length past 2^53',
      `POST / HTTP/1.1\r\n${host}Content-Length: 9999999999999999\r\n\r\n`,
    ],
    [501, 'another coding', `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    [
      501,
      'chunked twice',
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    [501, 'identity', `POST / HTTP/1.1\r\n${host}Transfer-Encoding: identity\r\n\r\n`],
    [
      400,
      'chunked with a vertical tab',
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: \x0bchunked\r\n\r\n`,
    ],
    [400, 'Transfer-Encoding in HTTP/1.0', `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n`],
    [400, 'obs-fold', `GET / HTTP/1.1\r\n${host}A: 1\r\n 2\r\n\r\n`],
    [400, 'obs-fold of the first line', `GET / HTTP/1.1\r\n ${host}\r\n`],
    [400, 'a bare line feed', `GET / HTTP/1.1\r\n${host}A: 1\nB: 2\r\n\r\n`],
    [400, 'bare line feeds only', 'GET / HTTP/1.1\nHost: a\n\n'],
    [400, 'a bare carriage return', `GET / HTTP/1.1\r\n${host}A: 1\r2\r\n\r\n`],
    [400, 'a NUL in a value', `GET / HTTP/1.1\r\n${host}A: \0\r\n\r\n`],
    [400, 'a control character in a value', `GET / HTTP/1.1\r\n${host}A: \x01\r\n\r\n`],
    [400, 'a space before the colon', `GET / HTTP/1.1\r\n${host}A : 1\r\n\r\n`],
    [400, 'an empty name', `GET / HTTP/1.1\r\n${host}: 1\r\n\r\n`],
    [400, 'a line without a colon', `GET / HTTP/1.1\r\n${host}XA\r\n\r\n`],
    [400, 'CR CR LF', `GET / HTTP/1.1\r\n${host}A: 1\r\r\n\r\n`],
    [400, 'no Host', 'GET / HTTP/1.1\r\n\r\n'],
    [400, 'two Hosts', `GET / HTTP/1.1\r\n${host}${host}\r\n`],
    [400, 'a Host with a space', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
    [400, 'a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    [400, 'an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    [400, 'two spaces in the request line', `GET  / HTTP/1.1\r\n${host}\r\n`],
    [400, 'a tab in the request line', `GET\t/ HTTP/1.1\r\n${host}\r\n`],
    [505, 'HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`],
    [505, 'HTTP/2.0', `GET / HTTP/2.0\r\n${host}\r\n`],
    [400, 'HTTP/0.9', 'GET /\r\n\r\n'],
    [400, 'HTTP/1.1 with more', `GET / HTTP/1.1 x\r\n${host}\r\n`],
    [400, 'a URI of another host', `GET http://other/ HTTP/1.1\r\n${host}\r\n`],
    [400, 'a URI with user information', `GET http://a@example.com/ HTTP/1.1\r\n${host}\r\n`],
    [400, 'a target with a fragment', `GET /a#b HTTP/1.1\r\n${host}\r\n`],
    [400, 'a target beyond ASCII', `GET /\xe4 HTTP/1.1\r\n${host}\r\n`],
    [400, 'a relative target', `GET a HTTP/1.1\r\n${host}\r\n`],
    [400, 'GET *', `GET * HTTP/1.1\r\n${host}\r\n`],
    [405, 'CONNECT', `CONNECT a:1 HTTP/1.1\r\n${host}\r\n`],
    [405, 'TRACE', `TRACE / HTTP/1.1\r\n${host}\r\n`],
    [501, 'an unknown method', `FOO / HTTP/1.1\r\n${host}\r\n`],
    [501, 'a method in lower case', `get / HTTP/1.1\r\n${host}\r\n`],
    [417, 'another expectation', `POST / HTTP/1.1\r\n${host}Expect: x\r\n\r\n`],
    [
      400,
      'Connection: content-length',
      `POST / HTTP/1.1\r\n${host}Connection: Content-Length\r\nContent-Length: 1\r\n\r\n`,
    ],
    [400, 'Connection: host', `GET / HTTP/1.1\r\n${host}Connection: close, host\r\n\r\n`],
    [
      400,
      'Connection: transfer-encoding',
      `POST / HTTP/1.1\r\n${host}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    [431, 'a head that is too large', `GET / HTTP/1.1\r\n${host}A: ${'x'.repeat(17_000)}\r\n\r\n`],
    [431, 'too many lines', `GET / HTTP/1.1\r\n${host}${'A: 1\r\n'.repeat(100)}\r\n`],
    [414, 'a target that is too long', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${host}\r\n`],
    [414, 'a target that does not end', `GET /${'x'.repeat(17_000)}`],
    [
      431,
      'a head that does not end',
      `GET / HTTP/1.1\r\n${'A: 1\r\n'.repeat(50)}A: ${'x'.repeat(17_000)}`,
    ],
    [400, 'TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ];
  for (const [status, what, text] of refusals) {
    test(`refuses ${what} with ${status}`, () => {
      assert.equal(refusedWith(text), status);
    });
  }

  test('property: a head is incomplete until its last byte, then the same however it was cut', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/).map((name) => `X-${name}`);
    const value = fc.stringMatching(/^[\x21-\x7e]{0,20}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(token, value), { maxLength: 20 }), (fields) => {
        const lines = fields.map(([name, text]) => `${name}: ${text}\r\n`).join('');
        const text = `POST /x HTTP/1.1\r\n${host}${lines}Content-Length: 3\r\n\r\n`;
        for (let end = 0; end < text.length; end += 1) {
          assert.equal(parse(text.slice(0, end)).kind, 'incomplete');
        }
        const result = parse(`${text}abc`);
        assert.equal(result.kind, 'head');
        if (result.kind !== 'head') return;
        assert.equal(result.end, text.length);
        const passed = fields.filter(([name]) => !/^x-(?:request-id|forwarded-)/i.test(name));
        assert.equal(
          result.head.lines,
          passed.map(([name, each]) => `${name}: ${each}\r\n`).join(''),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('property: bytes of any kind never throw, and what is passed on holds no line of its own making', () => {
    const seed = `POST /a HTTP/1.1\r\n${host}A: 1\r\nContent-Length: 2\r\nConnection: a, close\r\n\r\n`;
    const mutation = fc.tuple(
      fc.nat({ max: seed.length }),
      fc.nat({ max: 6 }),
      fc.oneof(
        fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        fc.constantFrom('\r\n', '\n', '\r', ' ', '\t', ':', ',', 'Transfer-Encoding: chunked\r\n'),
      ),
    );
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let text = seed;
        for (const [at, cut, insert] of mutations) {
          text = text.slice(0, at) + insert + text.slice(at + cut);
        }
        const result = parse(text);
        if (result.kind !== 'head') return;
        const { lines } = result.head;
        for (const line of lines.split('\r\n').slice(0, -1)) {
          assert.match(line, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/);
          assert.doesNotMatch(line, /^(?:content-length|transfer-encoding|connection|host):/i);
        }
        assert.ok(!/[\r\n]/.test(lines.replaceAll('\r\n', '')));
      }),
      { numRuns: 2000 },
    );
  });
});
