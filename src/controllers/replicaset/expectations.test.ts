import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../lib/clock.ts';
import { Expectations, expectationsTimeoutMs } from './expectations.ts';

function handClock(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    monotonic: () => clock.at,
    sleep: () => Promise.reject(new Error('Nothing here sleeps')),
  };
  return clock;
}

test('creations are open until each has come back or was given up', () => {
  const expectations = new Expectations(handClock());
  assert.equal(expectations.openForMs('rs'), 0);
  expectations.expectCreations('rs', 2);
  assert.equal(expectations.openForMs('rs'), expectationsTimeoutMs);
  expectations.creationObserved('other');
  expectations.creationObserved('rs');
  assert.equal(expectations.openForMs('rs') > 0, true);
  expectations.creationObserved('rs');
  assert.equal(expectations.openForMs('rs'), 0);
});

test('one deletion that comes back twice does not stand for two', () => {
  const expectations = new Expectations(handClock());
  expectations.expectDeletions('rs', ['a', 'b']);
  expectations.deletionObserved('rs', 'a');
  expectations.deletionObserved('rs', 'a');
  assert.equal(expectations.openForMs('rs') > 0, true);
  expectations.deletionObserved('rs', 'b');
  assert.equal(expectations.openForMs('rs'), 0);
});

test('expectations run out after five minutes, and are forgotten with their owner', () => {
  const clock = handClock();
  const expectations = new Expectations(clock);
  expectations.expectCreations('rs', 1);
  clock.at = expectationsTimeoutMs - 1;
  assert.equal(expectations.openForMs('rs'), 1);
  clock.at += 1;
  assert.equal(expectations.openForMs('rs'), 0);
  expectations.expectCreations('rs', 1);
  expectations.forget('rs');
  assert.equal(expectations.openForMs('rs'), 0);
});
