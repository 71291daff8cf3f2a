import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from './clock.ts';
import { Deferral } from './deferral.ts';

test('Deferral: a key is due one delay after it was first put off, and again after clear()', () => {
  let now = 1000;
  const clock: Clock = { now: () => 0, monotonic: () => now, sleep: () => Promise.resolve() };
  const deferral = new Deferral(clock, 100);
  assert.equal(deferral.leftMs('a'), 0);
  deferral.putOff('a');
  now += 60;
  deferral.putOff('a');
  deferral.putOff('b');
  assert.deepEqual([deferral.leftMs('a'), deferral.leftMs('b')], [40, 100]);
  now += 50;
  deferral.putOff('a');
  assert.deepEqual([deferral.leftMs('a'), deferral.leftMs('b')], [0, 50]);
  deferral.clear('a');
  deferral.putOff('a');
  assert.equal(deferral.leftMs('a'), 100);
});
