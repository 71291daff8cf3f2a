import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { splitLines } from './line-split.ts';

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let at = 0; start < bytes.length; at += 1) {
    const size = sizes[at % sizes.length] ?? bytes.length;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const out: string[] = [];
  for await (const line of lines) out.push(line);
  return out;
}

test('splitLines() yields the same lines however the bytes are cut', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const whole = lines.map((text) => Buffer.from(text).toString());
        assert.deepEqual(await collect(splitLines(cut(bytes, sizes), 10_000)), whole);
      },
    ),
  );
});

test('splitLines() drops empty lines and what follows the last newline', async () => {
  const bytes = Buffer.from('a\n\n\nb\n{"cut":');
  assert.deepEqual(await collect(splitLines(cut(bytes, [3]), 100)), ['a', 'b']);
});

test('splitLines() refuses a line over the limit before its end has come', async () => {
  const bytes = Buffer.from(`ok\n${'x'.repeat(50)}`);
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const line of splitLines(cut(bytes, [10]), 20)) seen.push(line);
  }, RangeError);
  assert.deepEqual(seen, ['ok']);
});
