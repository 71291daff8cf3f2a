import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type ResponseHead, ResponseHeadParser } from './response-head.ts';

const parser = new ResponseHeadParser();

function parse(text: string, bodiless = false): ReturnType<ResponseHeadParser['parse']> {
  return parser.parse(Buffer.from(`${text}\r\n\r\n`, 'latin1'), text.length, bodiless);
}

function accepted(text: string, bodiless = false): ResponseHead {
  const result = parse(text, bodiless);
  assert.ok(result.kind === 'head', JSON.stringify(result));
  return result.head;
}

describe('ResponseHeadParser', () => {
  test('reads status, framing and what is passed on', () => {
    const head = accepted(
      'HTTP/1.1 404 Not \xa4 Found\r\nA: 1\r\nCONTENT-length: 5\r\nKeep-Alive: timeout=7\r\nB: 2\r\nx-Request-ID: q\r\n\r\nhello',
    );
    assert.equal(head.status, 404);
    assert.equal(head.reason, 'Not \xa4 Found');
    assert.deepEqual(head.framing, { kind: 'length', length: 5 });
    assert.equal(head.lines, 'A: 1\r\nB: 2\r\nx-Request-ID: q\r\n');
    assert.equal(head.hasRequestId, true);
    assert.equal(head.keepAlive, true);
    assert.equal(head.keepAliveSeconds, 7);
  });

  test('a status line needs no reason phrase', () => {
    assert.equal(accepted('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n').reason, '');
    assert.equal(accepted('HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n').reason, '');
  });

  test('HTTP/1.0 is kept alive only on its word', () => {
    assert.equal(accepted('HTTP/1.0 200 OK\r\n\r\n').keepAlive, false);
    assert.equal(accepted('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n').keepAlive, true);
    assert.equal(accepted('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n').keepAlive, false);
  });

  test('drops the fields that Connection names', () => {
    const head = accepted(
      'HTTP/1.1 200 OK\r\nX: 1\r\nConnection: x, keep-alive\r\nConnection: y\r\nY: 2\r\nZ: 3\r\n\r\n',
    );
    assert.equal(head.lines, 'Z: 3\r\n');
  });

  test('an answer without a body states its length all the same', () => {
    const head = accepted('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', true);
    assert.deepEqual(head.framing, { kind: 'none' });
    assert.equal(head.statedLength, 9);
  });

  for (const line of [
    'HTTP/1.1 099 Low',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 2x0 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 O\x01K',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 O\nK',
    'HTTP/1.1 200 O\x7fK',
    'HTTP/1.1 200 OK\n',
    '',
    'x',
  ]) {
    test(`the status line ${JSON.stringify(line)} is malformed`, () => {
      assert.equal(parse(`${line}\r\nContent-Length: 0\r\n\r\n`).kind, 'malformed');
    });
  }

  test('a status line is what the grammar says, byte for byte', () => {
    const grammar = /^HTTP\/1\.[01] [1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?$/;
    const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    const near = fc
      .tuple(fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 503'), fc.nat(20), character)
      .map(([line, at, byte]) => line.slice(0, at) + byte + line.slice(at + 1));
    fc.assert(
      fc.property(near, (line) => {
        const kind = parse(`${line}\r\n\r\n`).kind;
        assert.equal(kind === 'head', grammar.test(line), JSON.stringify(line));
      }),
      { numRuns: 5000 },
    );
  });

  test('a head that comes byte by byte is taken once it is complete, never earlier', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\n';
    for (let length = 0; length < text.length; length += 1) {
      assert.equal(parse(text.slice(0, length)).kind, 'incomplete', String(length));
    }
    assert.equal(parse(text).kind, 'head');
  });
});
