import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { KnownNames } from './known-names.ts';

const tokenCharacters =
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".split('');
const fields = ['host', 'te', 'content-length', 'connection', 'keep-alive', 'expect', 'prefer'];

function find(names: KnownNames, text: string): string {
  const bytes = Buffer.from(`>${text}<`, 'latin1');
  return names.find(bytes, 1, bytes.length - 1);
}

describe('KnownNames', () => {
  test('find() agrees with a comparison in lower case, for all tokens', () => {
    const names = new KnownNames(fields, { anyCase: true });
    const token = fc.string({
      unit: fc.constantFrom(...tokenCharacters),
      minLength: 1,
      maxLength: 16,
    });
    // Close misses: a known name with one character replaced, or the case of some changed.
    const near = fc
      .tuple(fc.constantFrom(...fields), fc.nat(), fc.constantFrom(...tokenCharacters))
      .map(([name, at, character]) => {
        const index = at % name.length;
        return name.slice(0, index) + character + name.slice(index + 1);
      });
    const mixed = fc.constantFrom(...fields).chain((name) => fc.mixedCase(fc.constant(name)));
    fc.assert(
      fc.property(fc.oneof(token, near, mixed), (text) => {
        const lower = text.toLowerCase();
        assert.equal(find(names, text), fields.includes(lower) ? lower : '');
      }),
      { numRuns: 3000 },
    );
  });

  test('find() minds the case where it was asked to', () => {
    const names = new KnownNames(['GET', 'POST', 'PUT', 'M-SEARCH'], { anyCase: false });
    assert.equal(find(names, 'POST'), 'POST');
    assert.equal(find(names, 'M-SEARCH'), 'M-SEARCH');
    assert.equal(find(names, 'post'), '');
    assert.equal(find(names, 'PAST'), '');
    assert.equal(find(names, 'POSTS'), '');
  });
});
