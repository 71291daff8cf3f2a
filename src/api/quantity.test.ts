import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { parseQuantity, Quantity } from './quantity.ts';
import { StatusError } from './status-error.ts';

suite('parseQuantity()', () => {
  // Text, what the API stores (k8s.io/apimachinery 0.35.2), its number.
  const cases: readonly (readonly [string, string, number])[] = [
    ['0', '0', 0],
    ['-0', '0', 0],
    ['0Ki', '0', 0],
    ['1', '1', 1],
    ['+1', '+1', 1],
    ['1000', '1k', 1000],
    ['1500', '1500', 1500],
    ['0.5', '500m', 0.5],
    ['.5', '500m', 0.5],
    ['1.500', '1.500', 1.5],
    ['1.5', '1500m', 1.5],
    ['100m', '100m', 0.1],
    ['1000m', '1', 1],
    ['0.0000000001', '1n', 1e-9],
    ['-0.0000000001', '-1n', -1e-9],
    ['1Ki', '1Ki', 1024],
    ['1024Ki', '1Mi', 1048576],
    ['1024', '1024', 1024],
    ['1.5Gi', '1536Mi', 1610612736],
    ['1.1Ki', '1126400m', 1126.4],
    ['0.5Ki', '512', 512],
    ['512', '512', 512],
    ['.0001Ki', '102400u', 0.1024],
    ['1e3', '1e3', 1000],
    ['1E3', '1E3', 1000],
    ['10e2', '1e3', 1000],
    ['1e-3', '1e-3', 0.001],
    ['12E', '12E', 12e18],
    ['9Ei', '9223372036854775807', 2 ** 63],
    ['123456789012345678901234567890', '123456789012345678901234567890', 1.2345678901234568e29],
  ];
  for (const [text, stored, number] of cases) {
    test(text, () => {
      const quantity = parseQuantity(text);
      assert.equal(quantity.toString(), stored);
      assert.equal(quantity.toNumber(), number);
      assert.equal(JSON.stringify({ quantity }), `{"quantity":"${stored}"}`);
    });
  }

  test('refuses what is none, in the words of upstream', () => {
    const syntax =
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    const suffix = "unable to parse quantity's suffix";
    const refusals: readonly (readonly [string, string])[] = [
      ['', syntax],
      ['x', syntax],
      ['m', syntax],
      ['1 Gi', syntax],
      ['1.2.3', syntax],
      ['1GiB', syntax],
      ['1K', suffix],
      ['1mi', suffix],
      ['1e', suffix],
      ['1e1000000000', suffix],
      ['1'.repeat(1_000_000), syntax],
    ];
    for (const [text, message] of refusals) {
      assert.throws(() => parseQuantity(text), new StatusError(400, 'BadRequest', message));
    }
  });
});

suite('Quantity', () => {
  const suffix = fc.constantFrom('', 'm', 'u', 'n', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-2');
  const digits = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 });
  const quantity = fc.tuple(digits, suffix).map(([number, unit]) => `${number}${unit}`);

  test('canonical() is a fixed point with the same value', () => {
    fc.assert(
      fc.property(quantity, (text) => {
        const parsed = parseQuantity(text);
        const again = parseQuantity(parsed.canonical());
        assert.equal(again.compare(parsed), 0);
        assert.equal(again.canonical(), parsed.canonical());
        assert.equal(parseQuantity(parsed.toString()).compare(parsed), 0);
      }),
    );
  });

  test('add(), sub() and compare() agree', () => {
    fc.assert(
      fc.property(quantity, quantity, (left, right) => {
        const [a, b] = [parseQuantity(left), parseQuantity(right)];
        assert.equal(a.add(b).sub(b).compare(a), 0);
        assert.equal(a.add(b).compare(b.add(a)), 0);
        assert.equal(a.compare(b), a.sub(b).compare(new Quantity(0n, 'DecimalSI')));
        assert.equal(a.compare(b) + b.compare(a), 0);
      }),
    );
  });

  test('add() keeps the format of the left side unless that is zero', () => {
    assert.equal(parseQuantity('1Gi').add(parseQuantity('1Gi')).toString(), '2Gi');
    assert.equal(parseQuantity('0').add(parseQuantity('1Gi')).toString(), '1Gi');
    assert.equal(parseQuantity('1').add(parseQuantity('1Ki')).toString(), '1025');
    assert.equal(parseQuantity('100m').add(parseQuantity('0.9')).toString(), '1');
  });

  test('units() and millis() round up', () => {
    const read = (text: string): readonly bigint[] => {
      const parsed = parseQuantity(text);
      return [parsed.units(), parsed.millis()];
    };
    assert.deepEqual(read('1'), [1n, 1000n]);
    assert.deepEqual(read('1001m'), [2n, 1001n]);
    assert.deepEqual(read('1n'), [1n, 1n]);
    assert.deepEqual(read('16Gi'), [17179869184n, 17179869184000n]);
  });
});
