import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attacks } from '../testing/smuggling-cases.ts';
import { BodyDecoder } from './body-decoder.ts';
import { encodeChunk, lastChunk } from './chunk.ts';
import type { Framing } from './framing.ts';
import { type RequestHead, RequestHeadParser, type RequestHeadResult } from './request-head.ts';
import { ResponseHeadParser, type ResponseHeadResult } from './response-head.ts';

/**
 * Throws bytes at the parsers for a bounded number of rounds: mutations of what is well formed and of
 * every known attack. NOUGHT_FUZZ_SEED repeats a run, NOUGHT_FUZZ_ROUNDS makes it longer.
 */
const seed = Number(process.env['NOUGHT_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env['NOUGHT_FUZZ_ROUNDS'] ?? 15_000);

/** Mulberry32: small, and the same everywhere. */
function randomOf(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const requestSeeds = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  '\r\nPOST /a?b HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\nX: 1\r\nConnection: close, X\r\n\r\nabc',
  'PUT http://x/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: [::1]:8\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nPrefer: wait=1\r\n\r\n',
  'GET /a HTTP/1.0\r\nConnection: keep-alive\r\nX-Forwarded-For: a\r\nTraceparent: b\r\n\r\n',
  ...Object.values(attacks).flatMap((list) => list.map(([, , bytes]) => bytes.slice(0, 2000))),
];
const responseSeeds = [
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 1\r\n\r\nabc',
  'HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\nConnection: close, X\r\nX: 2\r\n\r\n',
  'HTTP/1.0 200\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'HTTP/1.1 204 No\r\nX-Request-Id: q\r\n\r\n',
];
const bodySeeds = [
  '3\r\nabc\r\n0\r\n\r\n',
  'A;a=b;c="d\\"e"\r\n0123456789\r\n1\r\nx\r\n0\r\nX: 1\r\nY: \t2\r\n\r\n',
  '0\r\n\r\n',
  '00f\r\n0123456789abcde\r\n0;x\r\n\r\n',
];
const words =
  '\r\n,\n,\r, ,\t,:,;,=,",\\,\0,\x7f,\xff,0,9,a,F,+,-,HTTP/1.1,Host: y\r\n,\r\n\r\n'.split(',');
words.push('Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', ',');

function mutated(seeds: readonly string[], random: (below: number) => number): string {
  let text = seeds[random(seeds.length)] as string;
  for (let times = random(4); times > 0; times -= 1) {
    const at = random(text.length + 1);
    switch (random(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + 1 + random(8));
        break;
      case 1:
        text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(random(text.length + 1));
        break;
      default:
        text = text.slice(0, at) + (words[random(words.length)] as string) + text.slice(at);
    }
  }
  return text;
}

/** Runs the rounds; a failure names the seed and the bytes. */
function fuzz(
  seeds: readonly string[],
  check: (text: string, random: (below: number) => number) => void,
): void {
  const random = randomOf(seed);
  for (let round = 0; round < rounds; round += 1) {
    const text = mutated(seeds, random);
    try {
      check(text, random);
    } catch (error) {
      const message = `NOUGHT_FUZZ_SEED=${seed}, round ${round}: ${JSON.stringify(text)}`;
      throw new Error(message, { cause: error });
    }
  }
}

const limits = { headBytes: 16 * 1024, headLines: 100 };
const parser = new RequestHeadParser(limits);
const responses = new ResponseHeadParser();
const linePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

/** What a pod is told of a request, as the gateway writes it. */
function forwarded({ method, target, host, lines, framing }: RequestHead): string {
  const sized = framing.kind === 'length' ? `Content-Length: ${framing.length}\r\n` : '';
  const framed = framing.kind === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : sized;
  return `${method} ${target} HTTP/1.1\r\nHost: ${host === '' ? 'localhost' : host}\r\n${lines}${framed}\r\n`;
}

/** Before its last byte a head is incomplete; a refusal stays one, whatever follows. */
function checkPrefixes(
  text: string,
  whole: RequestHeadResult | ResponseHeadResult,
  parse: (bytes: Buffer) => RequestHeadResult | ResponseHeadResult,
  random: (below: number) => number,
): void {
  for (let times = 0; times < 3; times += 1) {
    const cut = random(text.length + 1);
    const part = parse(Buffer.from(text.slice(0, cut), 'latin1'));
    if (whole.kind === 'incomplete') assert.equal(part.kind, 'incomplete');
    else if (whole.kind === 'head') {
      assert.equal(part.kind, cut < whole.end ? 'incomplete' : 'head', `cut at ${cut}`);
    } else assert.ok(part.kind === whole.kind || part.kind === 'incomplete', `cut at ${cut}`);
  }
}

function checkLines(lines: string): void {
  if (lines === '') return;
  assert.ok(lines.endsWith('\r\n'));
  for (const line of lines.slice(0, -2).split('\r\n')) {
    assert.match(line, linePattern);
    assert.doesNotMatch(line, /^(?:content-length|transfer-encoding|connection|upgrade|te):/i);
  }
}

/** Decodes in pieces; asserts that each takes what it can. */
function decode(framing: Framing, text: string, size: number): readonly [string, string, number] {
  const decoder = new BodyDecoder(framing);
  const bytes = Buffer.from(text, 'latin1');
  const out: Buffer[] = [];
  let at = 0;
  while (at < bytes.length && !decoder.done && !decoder.failed) {
    const piece = bytes.subarray(at, at + size);
    const from = Math.min(1, at, piece.length - 1);
    const padded = from === 0 ? piece : Buffer.concat([Buffer.alloc(from, 0x58), piece]);
    const end = decoder.decode(padded, from, out);
    assert.ok(end > from || decoder.done, 'bytes are taken');
    assert.ok(end <= padded.length);
    at += end - from;
  }
  const state = decoder.done ? 'done' : decoder.failed ? 'failed' : 'open';
  return [Buffer.concat(out).toString('latin1'), state, at];
}

describe('fuzz', () => {
  test('requests: never throws, cuts change nothing, what is passed on is the same request', () => {
    fuzz(requestSeeds, (text, random) => {
      const bytes = Buffer.from(text, 'latin1');
      const whole = parser.parse(bytes);
      checkPrefixes(text, whole, (part) => parser.parse(part), random);
      if (whole.kind === 'refused') assert.ok(whole.status >= 400 && whole.status <= 505);
      if (whole.kind !== 'head') return;
      assert.ok(whole.end > 0 && whole.end <= bytes.length);
      const { head } = whole;
      checkLines(head.lines);
      const again = parser.parse(Buffer.from(forwarded(head), 'latin1'));
      assert.ok(again.kind === 'head', JSON.stringify(again));
      assert.equal(again.end, forwarded(head).length);
      const { method, target, lines, framing } = again.head;
      assert.deepEqual(
        { method, target, lines, framing },
        { method: head.method, target: head.target, lines: head.lines, framing: head.framing },
      );
    });
  });

  test('responses: never throws, cuts change nothing, what is passed on is sound', () => {
    fuzz(responseSeeds, (text, random) => {
      const parse = (bytes: Buffer): ResponseHeadResult =>
        responses.parse(bytes, bytes.length, false);
      const whole = parse(Buffer.from(text, 'latin1'));
      checkPrefixes(text, whole, parse, random);
      if (whole.kind !== 'head') return;
      checkLines(whole.head.lines);
      assert.ok(whole.head.status >= 100 && whole.head.status <= 999);
      assert.match(whole.head.reason, /^[\t\x20-\x7e\x80-\xff]*$/);
    });
  });

  test('bodies: never throws, cuts change nothing, what was decoded encodes to the same', () => {
    fuzz(bodySeeds, (text, random) => {
      const framing: Framing = { kind: 'chunked' };
      const [data, state, end] = decode(framing, text, text.length + 1);
      const pieces = decode(framing, text, 1 + random(7));
      assert.equal(pieces[1], state);
      if (state !== 'failed') assert.deepEqual(pieces, [data, state, end]);
      if (state !== 'done') return;
      const content = Buffer.from(data, 'latin1');
      const encoded = Buffer.concat([...encodeChunk([content], content.length), lastChunk]);
      const again = decode(framing, encoded.toString('latin1'), 1 + random(7));
      assert.deepEqual(again, [data, 'done', encoded.length]);
    });
  });

  test('bodies of known length take their bytes and no more', () => {
    fuzz(['abcdef', ''], (text, random) => {
      const length = random(12);
      const [data, state, end] = decode({ kind: 'length', length }, text, 1 + random(4));
      assert.equal(end, Math.min(length, text.length));
      assert.equal(data, text.slice(0, end));
      assert.equal(state, end === length ? 'done' : 'open');
    });
  });
});
