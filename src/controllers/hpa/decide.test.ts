import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { HpaBehavior, HpaScalingPolicy } from '../../api/index.ts';
import { type Circumstances, decide, type Decision, type MetricResult } from './decide.ts';
import type { Memory } from './limits.ts';

const proposal = (replicas: number, name = 'cpu resource'): MetricResult => ({
  kind: 'proposal',
  name,
  replicas,
});
const invalid: MetricResult = { kind: 'invalid', reason: 'FailedGetResourceMetric', message: 'no' };

function make(
  current: number,
  metrics: readonly MetricResult[],
  more: Partial<Circumstances> = {},
): Decision {
  return decide({
    current,
    min: 1,
    max: 10,
    behavior: undefined,
    metrics,
    memory: undefined,
    now: 0,
    ...more,
  });
}

/** Decides once a second by the proposals, and carries out each decision at once. */
function simulate(
  start: number,
  proposals: readonly number[],
  {
    behavior,
    max = 1000,
    stepMs = 1000,
  }: { behavior?: HpaBehavior; max?: number; stepMs?: number },
): readonly number[] {
  let current = start;
  let memory: Memory | undefined;
  return proposals.map((wanted, index) => {
    const now = index * stepMs;
    const decision = decide({
      current,
      min: 1,
      max,
      behavior,
      metrics: [proposal(wanted)],
      memory,
      now,
    });
    assert.ok(decision.kind === 'metrics' || decision.kind === 'bounds');
    ({ memory } = decision);
    current = decision.replicas;
    return current;
  });
}

const constant = (value: number, times: number): number[] =>
  Array.from({ length: times }, () => value);

test('decide() leaves alone what is at zero', () => {
  assert.deepEqual(make(0, [proposal(5)]), { kind: 'off' });
});

test('decide() brings a number inside of the bounds without asking the metrics', () => {
  const above = make(20, [invalid]);
  assert.ok(above.kind === 'bounds');
  assert.deepEqual(
    [above.replicas, above.why],
    [10, 'Current number of replicas above Spec.MaxReplicas'],
  );
  const below = make(1, [], { min: 3 });
  assert.ok(below.kind === 'bounds');
  assert.deepEqual(
    [below.replicas, below.why],
    [3, 'Current number of replicas below Spec.MinReplicas'],
  );
});

test('decide() follows the metric that asks for most', () => {
  const decision = make(2, [proposal(3, 'memory resource'), proposal(4, 'cpu resource')]);
  assert.ok(decision.kind === 'metrics');
  assert.deepEqual(
    [decision.replicas, decision.metric, decision.why],
    [4, 'cpu resource', 'cpu resource above target'],
  );
});

test('decide() grows, but never shrinks, while one metric is not known', () => {
  assert.equal(make(2, [proposal(3), invalid]).kind, 'metrics');
  const blind = make(4, [proposal(3), invalid]);
  assert.ok(blind.kind === 'blind');
  assert.equal(blind.reason, 'FailedGetResourceMetric');
  assert.equal(blind.message, 'invalid metrics (1 invalid out of 2), first error is: no');
  assert.equal(make(2, [invalid, invalid]).kind, 'blind');
});

test('decide() says which limit it has met', () => {
  const reasons = ([current, wanted, more]: readonly [
    number,
    number,
    Partial<Circumstances>?,
  ]): unknown => {
    const decision = make(current, [proposal(wanted)], more);
    assert.ok(decision.kind === 'metrics');
    const { able, limit } = decision.limited;
    return [decision.replicas, able.reason, limit.reason, limit.limited];
  };
  assert.deepEqual(reasons([2, 3]), [3, 'ReadyForNewScale', 'DesiredWithinRange', false]);
  assert.deepEqual(reasons([2, 9]), [4, 'ReadyForNewScale', 'ScaleUpLimit', true]);
  assert.deepEqual(reasons([8, 30]), [10, 'ReadyForNewScale', 'TooManyReplicas', true]);
  assert.deepEqual(reasons([5, 2]), [5, 'ScaleDownStabilized', 'DesiredWithinRange', false]);
  const memory = { recommendations: [{ at: -400_000, replicas: 9 }], ups: [], downs: [] };
  assert.deepEqual(reasons([5, 0, { memory }]), [1, 'ReadyForNewScale', 'TooFewReplicas', true]);
  const slow = { scaleUp: { stabilizationWindowSeconds: 60, policies: [] } };
  assert.deepEqual(reasons([5, 7, { behavior: slow }]), [
    5,
    'ScaleUpStabilized',
    'DesiredWithinRange',
    false,
  ]);
});

test('decide() shrinks only after five minutes of lower recommendations', () => {
  const result = simulate(5, constant(2, 302), {});
  assert.deepEqual([result[0], result[299], result[300], result[301]], [5, 5, 2, 2]);
});

test('decide() keeps to the policies of a behavior', () => {
  const down = (policies: readonly HpaScalingPolicy[], selectPolicy = 'Max'): HpaBehavior => ({
    scaleDown: { stabilizationWindowSeconds: 0, policies, selectPolicy },
  });
  const one = { type: 'Pods', value: 1, periodSeconds: 2 };
  const third = { type: 'Percent', value: 34, periodSeconds: 2 };
  assert.deepEqual(simulate(9, constant(1, 5), { behavior: down([one]) }), [8, 8, 7, 7, 6]);
  assert.deepEqual(simulate(9, constant(1, 3), { behavior: down([one, third]) }), [5, 5, 3]);
  assert.deepEqual(simulate(9, constant(1, 3), { behavior: down([one, third], 'Min') }), [8, 8, 7]);
  assert.deepEqual(simulate(9, constant(1, 3), { behavior: down([one], 'Disabled') }), [9, 9, 9]);
  const up = { scaleUp: { policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }] } };
  assert.deepEqual(simulate(4, constant(99, 3), { behavior: up, stepMs: 30_000 }), [6, 6, 9]);
});

const policy = fc.record({
  type: fc.constantFrom('Pods', 'Percent'),
  value: fc.integer({ min: 1, max: 200 }),
  periodSeconds: fc.integer({ min: 1, max: 60 }),
});
const rules = fc.record(
  {
    stabilizationWindowSeconds: fc.integer({ min: 0, max: 120 }),
    selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
    policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['policies'] },
);

test('decide() never leaves the bounds, whatever the behavior and the metrics', () => {
  fc.assert(
    fc.property(
      fc.option(fc.record({ scaleUp: rules, scaleDown: rules }), { nil: undefined }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 }),
      (behavior, start, max, proposals) => {
        const more = behavior === undefined ? { max } : { behavior, max };
        for (const replicas of simulate(start, proposals, more)) {
          assert.ok(replicas >= 1 && replicas <= max, `${replicas} of ${max}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('decide() never goes beyond the budget of a policy within its period', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 80 }),
      (value, periodSeconds, proposals) => {
        const policies = [{ type: 'Pods', value, periodSeconds }];
        const both = { stabilizationWindowSeconds: 0, policies };
        const result = [
          10,
          ...simulate(10, proposals, { behavior: { scaleUp: both, scaleDown: both } }),
        ];
        for (const [index, replicas] of result.entries()) {
          const before = result[index - 1] ?? replicas;
          const atStart = result[Math.max(0, index - periodSeconds)] ?? replicas;
          const change = replicas > before ? replicas - atStart : atStart - replicas;
          if (replicas !== before) assert.ok(change <= value, result.join(' '));
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('decide() does not oscillate: an unsteady load is followed upwards only', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 290 }),
      (proposals) => {
        const result = simulate(1, proposals, {});
        assert.deepEqual(
          result,
          result.toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 100 },
  );
});
