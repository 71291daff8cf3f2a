import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { functionObject } from '../testing/objects.ts';
import { settingsOf } from '../settings.ts';
import { Decider, panicWindowMs, type Situation, stableWindowMs } from './decider.ts';

const settings = settingsOf(functionObject({ scaling: { concurrency: 10, max: 20 } }).spec);

/** Lives through seconds of demand; the number of pods wanted after each, which are had at once. */
function live(
  decider: Decider,
  demand: readonly number[],
  start = { second: 0, pods: 1 },
): number[] {
  let { second, pods } = start;
  return demand.map((requests) => {
    second += 1;
    const nowMs = second * 1000;
    const situation: Situation = {
      nowMs,
      requests,
      idleSinceMs: nowMs,
      capacity: pods,
      readyPods: pods,
    };
    decider.record(situation, settings);
    pods = decider.wanted(situation, settings);
    return pods;
  });
}

const seconds = (count: number, requests: number): number[] => Array(count).fill(requests);

test('Decider.wanted() has pods for the requests of this moment, between min and max', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 150 }),
      (demand) => {
        for (const [at, pods] of live(new Decider(), demand).entries()) {
          const needed = Math.min(settings.max, Math.ceil((demand[at] ?? 0) / settings.perPod));
          assert.ok(pods >= needed && pods <= settings.max);
        }
      },
    ),
  );
});

test('Decider.wanted() follows the average of the stable window down', () => {
  const decider = new Decider();
  // 15 is above the pods' measure but below panic.
  live(decider, seconds(70, 15), { second: 0, pods: 2 });
  const after = live(decider, seconds(70, 5), { second: 70, pods: 2 });
  assert.equal(after[5], 2);
  assert.equal(after.at(-1), 1);
});

test('Decider.wanted() shrinks nothing in panic, nor until a whole stable window after it', () => {
  const decider = new Decider();
  live(decider, seconds(60, 5));
  const burst = live(decider, seconds(5, 180), { second: 60, pods: 1 });
  assert.equal(burst.at(-1), 18);
  const after = live(decider, seconds(130, 5), { second: 65, pods: 18 });
  const windowSeconds = stableWindowMs / 1000;
  assert.ok(after.slice(0, windowSeconds - panicWindowMs / 1000).every((pods) => pods === 18));
  assert.equal(after.at(-1), 1);
});

test('Decider.wanted() shrinks nothing before it has watched for a whole window', () => {
  const after = live(new Decider(), seconds(90, 1), { second: 0, pods: 7 });
  assert.equal(after[stableWindowMs / 1000 - 2], 7);
  assert.equal(after.at(-1), 1);
});

test('Decider.wanted() goes to zero after the idle time and never with a request', () => {
  const idle: Situation = { nowMs: 60_000, requests: 0, idleSinceMs: 0, capacity: 1, readyPods: 1 };
  assert.equal(new Decider().wanted(idle, settings), 0);
  assert.equal(new Decider().wanted({ ...idle, idleSinceMs: 1 }, settings), 1);
  assert.equal(new Decider().wanted({ ...idle, requests: 1 }, settings), 1);
  assert.equal(new Decider().wanted(idle, { ...settings, min: 2 }), 2);
  // What sleeps is not woken by a clock that has just begun.
  assert.equal(new Decider().wanted({ ...idle, idleSinceMs: 60_000, capacity: 0 }, settings), 0);
});

test('Decider.wanted() keeps a pinned number of pods while awake, and lets it sleep', () => {
  const pinned = { ...settings, pinned: 3 };
  const busy: Situation = { nowMs: 0, requests: 999, idleSinceMs: 0, capacity: 1, readyPods: 1 };
  assert.equal(new Decider().wanted(busy, pinned), 3);
  assert.equal(new Decider().wanted({ ...busy, nowMs: 60_000, requests: 0 }, pinned), 0);
  const off = { ...settings, pinned: 0 };
  assert.equal(new Decider().wanted({ ...busy, requests: 0 }, off), 0);
  assert.equal(new Decider().wanted(busy, off), 1);
});
