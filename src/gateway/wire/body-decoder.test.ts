import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { BodyDecoder } from './body-decoder.ts';
import { encodeChunk, lastChunk } from './chunk.ts';
import type { Framing } from './framing.ts';

interface Decoded {
  readonly data: string;
  readonly done: boolean;
  readonly failed: boolean;
  readonly rest: string;
}

/** Decodes a text that comes in pieces of the given sizes, over and over. */
function decode(framing: Framing, text: string, sizes: readonly number[] = [text.length]): Decoded {
  const decoder = new BodyDecoder(framing);
  const bytes = Buffer.from(text, 'latin1');
  const out: Buffer[] = [];
  let at = 0;
  for (let piece = 0; at < bytes.length && !decoder.done && !decoder.failed; piece += 1) {
    const size = Math.max(1, sizes[piece % sizes.length] ?? 1);
    const chunk = bytes.subarray(at, at + size);
    at += decoder.decode(chunk, 0, out);
  }
  return {
    data: Buffer.concat(out).toString('latin1'),
    done: decoder.done,
    failed: decoder.failed,
    rest: text.slice(at),
  };
}

const chunked: Framing = { kind: 'chunked' };

describe('BodyDecoder', () => {
  test('takes a known length and leaves what follows', () => {
    assert.deepEqual(decode({ kind: 'length', length: 3 }, 'abcdef'), {
      data: 'abc',
      done: true,
      failed: false,
      rest: 'def',
    });
    assert.equal(new BodyDecoder({ kind: 'none' }).done, true);
    assert.equal(new BodyDecoder({ kind: 'length', length: 0 }).done, true);
  });

  test('drops extensions and trailers', () => {
    const text =
      '3;a=b;c="d e"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX: 1\r\nContent-Length: 9\r\n\r\nGET';
    assert.deepEqual(decode(chunked, text), {
      data: 'abc0123456789',
      done: true,
      failed: false,
      rest: 'GET',
    });
  });

  const bad: readonly [what: string, text: string][] = [
    ['a size line ended by LF', '3\nabc\r\n0\r\n\r\n'],
    ['LF in an extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
    ['CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['an extension without a name', '3;\r\nabc\r\n0\r\n\r\n'],
    ['an extension of white space', '3; a\r\nabc\r\n0\r\n\r\n'],
    ['an extension without its value', '3;a=\r\nabc\r\n0\r\n\r\n'],
    ['a quoted extension without end', '3;a="\r\nabc\r\n0\r\n\r\n'],
    ['a quoted extension with more', '3;a="b"c\r\nabc\r\n0\r\n\r\n'],
    ['LF in a quoted extension', '3;a="\n"\r\nabc\r\n0\r\n\r\n'],
    ['a space after the size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['data without its CRLF', '3\r\nabcd\r\n0\r\n\r\n'],
    ['data ended by LF', '3\r\nabc\n0\r\n\r\n'],
    ['a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a sign', '-3\r\nabc\r\n0\r\n\r\n'],
    ['an empty size', '\r\nabc\r\n0\r\n\r\n'],
    ['an overflow', 'fffffffffffffffff\r\nabc'],
    ['too many zeros', '0000000000003\r\nabc\r\n0\r\n\r\n'],
    ['endless extensions', `3;${'x'.repeat(2000)}\r\nabc\r\n0\r\n\r\n`],
    ['endless trailers', `0\r\n${'X: 1\r\n'.repeat(3000)}\r\n`],
    ['a trailer without a colon', '0\r\nX\r\n\r\n'],
    ['a folded trailer', '0\r\nX: 1\r\n 2\r\n\r\n'],
    ['a trailer with a control character', '0\r\nX: \x01\r\n\r\n'],
    ['a trailer ended by LF', '0\r\nX: 1\n\r\n'],
    ['an end by LF', '0\r\n\n'],
  ];
  for (const [what, text] of bad) {
    test(`refuses ${what}`, () => {
      assert.equal(decode(chunked, text).failed, true);
      assert.equal(decode(chunked, text, [1]).failed, true);
    });
  }

  test('property: what was encoded is decoded, however it is cut', () => {
    const data = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(data, { maxLength: 6 }), sizes, (chunks, cut) => {
        const parts = chunks.flatMap((chunk) => encodeChunk([Buffer.from(chunk)], chunk.length));
        const text = Buffer.concat([...parts, lastChunk]).toString('latin1');
        assert.deepEqual(decode(chunked, `${text}next`, cut), {
          data: Buffer.concat(chunks).toString('latin1'),
          done: true,
          failed: false,
          rest: `${text}next`.slice(text.length),
        });
      }),
    );
  });

  test('property: the cut of the bytes never changes the outcome', () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom('3\r\nabc\r\n', '0\r\n', '\r\n', ';a=b', 'X: 1\r\n', '1', 'g', '\n', 'abc'),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 8 },
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(noise, sizes, (words, cut) => {
        const text = words.join('');
        const whole = decode(chunked, text);
        const pieces = decode(chunked, text, cut);
        assert.equal(pieces.failed, whole.failed);
        assert.equal(pieces.done, whole.done);
        if (!whole.failed) assert.equal(pieces.data, whole.data);
      }),
      { numRuns: 500 },
    );
  });
});
