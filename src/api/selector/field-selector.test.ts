import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { fieldSelectorText, parseFieldSelector } from './field-selector.ts';

suite('parseFieldSelector()', () => {
  test('reads = == and != and sorts the terms', () => {
    assert.deepEqual(parseFieldSelector('status.phase!=Failed,metadata.name==x,a=1'), [
      { field: 'a', op: '=', value: '1' },
      { field: 'metadata.name', op: '=', value: 'x' },
      { field: 'status.phase', op: '!=', value: 'Failed' },
    ]);
  });

  test('takes nothing at all, empty terms and empty values', () => {
    assert.deepEqual(parseFieldSelector(''), []);
    assert.deepEqual(parseFieldSelector(',,'), []);
    assert.deepEqual(parseFieldSelector('spec.nodeName='), [
      { field: 'spec.nodeName', op: '=', value: '' },
    ]);
  });

  const refusals: readonly (readonly [string, string])[] = [
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b,c', "invalid selector: 'a=b,c'; can't understand 'c'"],
    [String.raw`a=b\x`, String.raw`invalid field selector: invalid escape sequence: \x`],
    [String.raw`a=b\ `.trim(), 'invalid field selector: invalid escape sequence: \\'],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ];
  for (const [text, message] of refusals) {
    test(`refuses ${text}`, () => {
      assert.throws(() => parseFieldSelector(text), new StatusError(400, 'BadRequest', message));
    });
  }

  test('reads back what fieldSelectorText() escaped', () => {
    const requirement = fc.record(
      {
        field: fc.constantFrom('a', 'metadata.name', 'spec.x'),
        op: fc.constantFrom('=', '!='),
        value: fc.string({ unit: fc.constantFrom('x', '\\', ',', '=', '!', ' ', 'é', '😀') }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(requirement, (one) => {
        assert.deepEqual(parseFieldSelector(fieldSelectorText([one])), [one]);
      }),
    );
  });
});
