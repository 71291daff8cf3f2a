import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { StatusError } from '../status-error.ts';
import { mergePatch } from './merge-patch.ts';
import { deepFreeze, jsonObject, jsonValue } from './testing/json-values.ts';

suite('mergePatch()', () => {
  // RFC 7396 appendix A, where the patch is an object.
  const cases: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [original, patch, result] of cases) {
    test(`${JSON.stringify(original)} + ${JSON.stringify(patch)}`, () => {
      assert.deepEqual(mergePatch(original, patch), result);
    });
  }

  test('refuses a patch that is no object', () => {
    const kinds = { array: [], string: 'x', number: 1, bool: true, null: null };
    for (const [kind, patch] of Object.entries(kinds)) {
      const message = `error decoding patch: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
      assert.throws(() => mergePatch({}, patch), new StatusError(400, 'BadRequest', message));
    }
  });

  test('changes neither argument and does the same twice', () => {
    fc.assert(
      fc.property(jsonValue, jsonObject, (original, patch) => {
        const once = mergePatch(deepFreeze(original), deepFreeze(patch));
        assert.deepEqual(mergePatch(once, patch), once);
      }),
    );
  });

  test('an empty patch changes nothing; a patch without nulls onto nothing is itself', () => {
    fc.assert(
      fc.property(jsonObject, (value) => {
        assert.deepEqual(mergePatch(value, {}), value);
        const plain = mergePatch({}, value);
        assert.deepEqual(mergePatch({}, plain), plain);
      }),
    );
  });

  test('a name is only a name: __proto__ sets no prototype', () => {
    const patch: unknown = JSON.parse('{"__proto__":{"polluted":1},"a":{"constructor":null}}');
    const result = mergePatch({ a: { b: 1 } }, patch) as Record<string, unknown>;
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(result['polluted'], undefined);
  });
});
