import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compareKeys, prefixRange } from './key.ts';

const characters = fc.constantFrom(
  'a',
  '\0',
  '/',
  '\u{D7FF}',
  '\u{E000}',
  '\u{FFFF}',
  '\u{10000}',
  '\u{10FFFF}',
);
const text = fc.oneof(
  fc.string({ unit: characters, maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

test('compareKeys() orders as the bytes of UTF-8 do', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      assert.equal(Math.sign(compareKeys(a, b)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('prefixRange() holds a key exactly when the key begins with the prefix', () => {
  fc.assert(
    fc.property(text, text, fc.boolean(), (prefix, other, joined) => {
      const key = joined ? prefix + other : other;
      const { start, end } = prefixRange(prefix);
      const inside = compareKeys(start, key) <= 0 && compareKeys(key, end) < 0;
      assert.equal(inside, key.startsWith(prefix));
    }),
    { numRuns: 2000 },
  );
});
