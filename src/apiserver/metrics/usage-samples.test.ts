import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Sample, UsageSamples } from './usage-samples.ts';

/** A sample at a second, with the CPU seconds used so far by each key. */
function sample(second: number, used: Readonly<Record<string, number>>): Sample {
  const counters = Object.entries(used).map(
    ([key, seconds]) =>
      [key, { at: 1e12 + second * 1000, cpuNanos: seconds * 1e9, bytes: second }] as const,
  );
  return { at: second * 1000, counters: new Map(counters) };
}

function samples(...all: readonly Sample[]): UsageSamples {
  const made = new UsageSamples();
  for (const each of all) made.add(each);
  return made;
}

test('rate() is the CPU time over the window that was asked for, with the latest memory', () => {
  const under = samples(sample(0, { a: 0 }), sample(10, { a: 10 }), sample(12, { a: 10.5 }));
  assert.deepEqual(under.rate('a', 2000), {
    at: 1e12 + 12_000,
    windowMs: 2000,
    nanoCores: 250_000_000,
    bytes: 12,
  });
  assert.equal(under.rate('a', 12_000)?.nanoCores, 875_000_000);
});

test('rate() of what is young is over its life, of what has just come undefined', () => {
  const old = sample(0, { a: 0 });
  const under = samples(old, sample(13, { a: 0, b: 1 }), sample(15, { a: 0, b: 2, c: 9 }));
  assert.equal(under.rate('b', 15_000)?.windowMs, 2000);
  assert.equal(under.rate('c', 15_000), undefined);
  assert.equal(under.rate('gone', 15_000), undefined);
});

test('rate() leaves out CPU time that went backwards', () => {
  const under = samples(sample(0, { a: 9 }), sample(1, { a: 3 }), sample(2, { a: 4 }));
  assert.equal(under.rate('a', 2000)?.nanoCores, 1_000_000_000);
  assert.equal(samples(sample(0, { a: 9 }), sample(1, { a: 3 })).rate('a', 1000), undefined);
});

test('covers() wants a sample that is neither too near nor too old', () => {
  assert.equal(samples().covers(1000), false);
  assert.equal(samples(sample(0, {})).covers(1000), false);
  assert.equal(samples(sample(0, {}), sample(0.1, {})).covers(1000), false);
  assert.equal(samples(sample(0, {}), sample(1, {})).covers(1000), true);
  assert.equal(samples(sample(0, {}), sample(90, {})).covers(15_000), false);
  assert.equal(samples(sample(0, {}), sample(90, {})).covers(60_000), true);
});

test('add() keeps few samples, and one for each window that may be asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 10 }), (step, steps) => {
      const under = new UsageSamples();
      const window = step * steps;
      for (let second = 0; second <= 2400; second += step) {
        under.add(sample(second, { a: second }));
      }
      const rate = under.rate('a', window * 1000);
      assert.equal(rate?.nanoCores, 1_000_000_000);
      const slack = window <= 20 ? step : window <= 120 ? step + 5 : step + 30;
      assert.ok(rate.windowMs >= window * 500 && rate.windowMs <= (window + slack) * 1000);
    }),
    { numRuns: 50 },
  );
});
