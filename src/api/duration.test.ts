import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatAge, parseGoDuration } from './duration.ts';
import { StatusError } from './status-error.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

suite('parseGoDuration()', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['-0', 0],
    ['30s', 30 * second],
    ['1h15m30.918273645s', hour + 15 * minute + 30_918.273645],
    ['-1.5h', -90 * minute],
    ['+5s', 5 * second],
    ['.5s', 500],
    ['5.s', 5 * second],
    ['10ms', 10],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['100ns', 0.0001],
    ['1m1m', 2 * minute],
  ];
  for (const [text, ms] of cases) test(text, () => assert.equal(parseGoDuration(text), ms));

  const refusals: readonly (readonly [string, string])[] = [
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['s', 'time: invalid duration "s"'],
    ['.s', 'time: invalid duration ".s"'],
    ['3', 'time: missing unit in duration "3"'],
    ['1h3', 'time: missing unit in duration "1h3"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['1 s', 'time: unknown unit " s" in duration "1 s"'],
    ['1toString', 'time: unknown unit "toString" in duration "1toString"'],
    ['3000000h', 'time: invalid duration "3000000h"'],
  ];
  for (const [text, message] of refusals) {
    test(`refuses ${text}`, () => {
      assert.throws(() => parseGoDuration(text), new StatusError(400, 'BadRequest', message));
    });
  }
});

suite('formatAge()', () => {
  // The boundaries of HumanDuration in k8s.io/apimachinery pkg/util/duration.
  const cases: readonly (readonly [number, string])[] = [
    [-2 * second, '<invalid>'],
    [-1.999 * second, '0s'],
    [-1, '0s'],
    [0, '0s'],
    [999, '0s'],
    [119.9 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + second, '2m1s'],
    [10 * minute - 1, '9m59s'],
    [10 * minute + 59 * second, '10m'],
    [3 * hour - 1, '179m'],
    [3 * hour, '3h'],
    [3 * hour + minute, '3h1m'],
    [8 * hour - 1, '7h59m'],
    [8 * hour + 59 * minute, '8h'],
    [48 * hour - 1, '47h'],
    [2 * day, '2d'],
    [2 * day + hour, '2d1h'],
    [8 * day - 1, '7d23h'],
    [8 * day + 23 * hour, '8d'],
    [2 * 365 * day - 1, '729d'],
    [2 * 365 * day, '2y'],
    [2 * 365 * day + day, '2y1d'],
    [8 * 365 * day - 1, '7y364d'],
    [8 * 365 * day + 100 * day, '8y'],
  ];
  for (const [ms, text] of cases)
    test(`${ms} ms is ${text}`, () => assert.equal(formatAge(ms), text));
});
