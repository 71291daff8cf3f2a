import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as fc from 'fast-check';

const { equal, sha256 } = createRequire(import.meta.url)('./node/sha256.cjs') as {
  readonly sha256: (data: Uint8Array) => Buffer;
  readonly equal: (one: Uint8Array, other: Uint8Array) => boolean;
};

test('sha256() gives the digest that OpenSSL gives, at any length', () => {
  const check = (data: Uint8Array): void => {
    assert.equal(sha256(data).toString('hex'), createHash('sha256').update(data).digest('hex'));
  };
  for (let length = 0; length <= 200; length += 1) check(Buffer.alloc(length, length));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), check), { numRuns: 200 });
});

test('equal() compares all bytes and the length', () => {
  assert.equal(equal(Buffer.from('ab'), Buffer.from('ab')), true);
  assert.equal(equal(Buffer.from('ab'), Buffer.from('ac')), false);
  assert.equal(equal(Buffer.from('ab'), Buffer.from('abc')), false);
  assert.equal(equal(Buffer.from(''), Buffer.from('')), true);
});
