import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  type Goal,
  type MetricQuestion,
  type PodReading,
  replicasFor,
} from './replica-calculator.ts';

const now = 1e12;
const hourMs = 3_600_000;
const windowMs = 30_000;

/** A pod that asks for a whole core, and was ready long ago; undefined use is missing metrics. */
function pod(milli: number | undefined, more: Partial<PodReading> = {}): PodReading {
  return {
    name: 'p',
    deleted: false,
    phase: 'Running',
    ready: { isTrue: true, since: now - hourMs },
    startedAt: now - hourMs,
    request: { milli: 1000 },
    usage: milli === undefined ? undefined : { milli, at: now, windowMs },
    ...more,
  };
}

const half: Goal = { kind: 'utilization', percent: 50 };
const unready = { ready: { isTrue: false, since: now - hourMs }, startedAt: now - hourMs };
const failed = { phase: 'Failed' };
const young = { startedAt: now - 60_000, ready: { isTrue: true, since: now - windowMs / 2 } };

function ask(pods: readonly PodReading[], more: Partial<MetricQuestion> = {}): unknown {
  const answer = replicasFor({
    resource: 'cpu',
    goal: half,
    pods,
    currentReplicas: pods.length,
    tolerances: { up: 0.1, down: 0.1 },
    now,
    ...more,
  });
  return answer.kind === 'proposal' ? answer.replicas : answer.message;
}

/** Upstream's cases, and what comes of them: use of each pod, in thousandths of a core. */
const cases: readonly (readonly [what: string, pods: readonly PodReading[], expected: unknown])[] =
  [
    [
      'scales up',
      [pod(300), pod(500), pod(700)].map((each) => ({ ...each, request: { milli: 500 } })),
      6,
    ],
    ['scales down', [pod(100), pod(300), pod(500), pod(250), pod(250)], 3],
    ['stays within the tolerance above', [pod(550), pod(540)], 2],
    ['stays within the tolerance below', [pod(460), pod(450)], 2],
    [
      'leaves pods that are not ready yet out when scaling down',
      [pod(100), pod(100), pod(900, young)],
      1,
    ],
    [
      'counts pods that are not ready yet as idle when scaling up',
      [pod(900), pod(900), pod(900, young)],
      4,
    ],
    [
      'does not turn round for pods that are not ready yet',
      [pod(600), pod(undefined, { phase: 'Pending' })],
      2,
    ],
    ['leaves failed pods out', [pod(700), pod(700), pod(900, failed)], 3],
    ['leaves deleted pods out', [pod(700), pod(700), pod(900, { deleted: true })], 3],
    [
      'counts pods without metrics as fully used when scaling down',
      [pod(100), pod(100), pod(undefined)],
      3,
    ],
    ['counts pods without metrics as idle when scaling up', [pod(900), pod(undefined)], 2],
    [
      'takes pods that were ready once for ready',
      [pod(900, { ready: { isTrue: false, since: now } })],
      2,
    ],
    [
      'takes pods that were never ready for not ready',
      [pod(900, { ...unready })],
      'did not receive metrics for targeted pods (pods might be unready)',
    ],
    [
      'tells that there are no pods',
      [],
      'no pods returned by selector while calculating replica count',
    ],
    [
      'tells that there are no metrics',
      [pod(undefined)],
      'no metrics returned from resource metrics API',
    ],
    [
      'tells which pod has no request',
      [pod(100), pod(100, { name: 'q', request: { missingIn: 'c' } })],
      'missing request for cpu in container c of Pod q',
    ],
  ];

for (const [what, pods, expected] of cases) {
  test(`replicasFor() ${what}`, () => assert.equal(ask(pods), expected));
}

test('replicasFor() compares the average use of pods with a value, and wants no requests for it', () => {
  const goal: Goal = { kind: 'average', milli: 200 };
  const bare = { request: { missingIn: 'c' } } as const;
  assert.equal(ask([pod(300, bare), pod(300, bare)], { goal, resource: 'memory' }), 3);
  assert.equal(ask([pod(300, bare), pod(100, bare)], { goal, resource: 'memory' }), 2);
});

test('replicasFor() counts memory of pods that are not ready', () => {
  assert.equal(ask([pod(900, young)], { resource: 'memory' }), 2);
});

test('replicasFor() takes tolerances of each direction', () => {
  const tolerances = { up: 0, down: 0.5 };
  assert.equal(ask([pod(510)], { tolerances }), 2);
  assert.equal(ask([pod(300), pod(300)], { tolerances }), 2);
});

// Utilization is cut to whole percents, as upstream does: below 10 % that alone is beyond the tolerance.
test('replicasFor() brings a constant load to a number at which it stays', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 20, max: 100 }),
      (start, load, percent) => {
        const goal: Goal = { kind: 'utilization', percent };
        const step = (replicas: number): number => {
          const pods = Array.from({ length: replicas }, () => pod(load / replicas));
          return Math.max(1, Number(ask(pods, { goal })));
        };
        let replicas = start;
        for (let turn = 0; turn < 10; turn += 1) replicas = step(replicas);
        assert.equal(step(replicas), replicas);
      },
    ),
    { numRuns: 200 },
  );
});
