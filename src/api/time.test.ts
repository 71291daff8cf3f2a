import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { formatMicroTime, formatTime, parseTime } from './time.ts';

const instant = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_000 });

suite('formatTime()', () => {
  test('drops what is less than a second', () => {
    assert.equal(formatTime(Date.UTC(2024, 1, 29, 12, 34, 56, 999)), '2024-02-29T12:34:56Z');
  });

  test('is read back by parseTime() to the second', () => {
    fc.assert(
      fc.property(instant, (ms) => {
        assert.equal(parseTime(formatTime(ms)), Math.floor(ms / 1000) * 1000);
      }),
    );
  });
});

suite('formatMicroTime()', () => {
  test('has six digits', () => {
    assert.equal(formatMicroTime(1_700_000_000_000), '2023-11-14T22:13:20.000000Z');
    assert.equal(formatMicroTime(1_700_000_000_001.5), '2023-11-14T22:13:20.001500Z');
    assert.equal(formatMicroTime(-0.001), '1969-12-31T23:59:59.999999Z');
  });

  test('is read back by parseTime()', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => {
        assert.equal(parseTime(formatMicroTime(ms)), ms);
      }),
    );
  });
});

suite('parseTime()', () => {
  test('takes offsets and fractions', () => {
    const noon = Date.UTC(2024, 0, 1, 12);
    assert.equal(parseTime('2024-01-01T12:00:00Z'), noon);
    assert.equal(parseTime('2024-01-01T14:00:00.25+02:00'), noon + 250);
    assert.equal(parseTime('2024-01-01T06:30:00-05:30'), noon);
  });

  for (const text of [
    '',
    '2024-01-01',
    '2024-01-01T12:00:00',
    '2024-02-30T12:00:00Z',
    '2023-02-29T12:00:00Z',
    '2024-13-01T12:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T12:00:60Z',
    '2024-01-01t12:00:00z',
    '2024-01-01 12:00:00Z',
    '2024-01-01T12:00:00.Z',
    ' 2024-01-01T12:00:00Z',
  ]) {
    test(`refuses "${text}"`, () => assert.equal(parseTime(text), undefined));
  }
});
