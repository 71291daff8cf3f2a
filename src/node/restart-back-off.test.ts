import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RestartBackOff } from './restart-back-off.ts';

it('RestartBackOff restarts at once, then doubles from 10 s to 300 s, and forgets after 10 min', () => {
  const backOff = new RestartBackOff();
  const delays = Array.from({ length: 8 }, () => backOff.next(1000) / 1000);
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(backOff.next(600_000), 0);
  assert.equal(backOff.next(1000), 10_000);
});
