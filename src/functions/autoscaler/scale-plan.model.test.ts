import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertReaches, explore, type Property } from '../testing/explore.ts';
import {
  modelSteps,
  type Rules,
  served,
  settled,
  start,
  type State,
} from '../testing/scaling-model.ts';
import { planScale } from './scale-plan.ts';

const rules: Rules = { plan: planScale, lag: 1, most: 2, looksAgain: true };
const properties: readonly Property<State>[] = [served, settled];

for (const { gateways, arrivals, idles, lag, most } of [
  { gateways: 1, arrivals: 1, idles: 2, lag: 3, most: 2 },
  { gateways: 1, arrivals: 2, idles: 1, lag: 1, most: 1 },
  { gateways: 2, arrivals: 1, idles: 1, lag: 1, most: 2 },
]) {
  const name = `${gateways} gateways, ${arrivals} requests each, ${idles} idle times, lag ${lag}`;
  test(`planScale() never takes a pod with a request nor strands one, in any order: ${name}`, (t) => {
    const first = start(gateways, { arrivals, idles });
    const explored = explore(modelSteps({ ...rules, lag, most }), first, properties);
    t.diagnostic(`${explored.flags.length} states`);
    assertReaches(explored, 0);
    assertReaches(explored, 1);
  });
}

/** Planted mistakes: what the model does not catch, it does not prove. */
const mistakes: readonly { name: string; plan: typeof planScale; caught: RegExp }[] = [
  {
    name: 'waits for no answer of the gateways',
    plan: (view, wanted) =>
      planScale(
        { ...view, pods: view.pods.map((pod) => ({ ...pod, drained: pod.draining })) },
        wanted,
      ),
    caught: /with a request in flight|after it was deleted/,
  },
  {
    name: 'calls draining off after lowering',
    plan: (view, wanted) =>
      planScale({ ...view, settled: true, replicas: Math.max(1, view.replicas) }, wanted),
    caught: /with a request in flight|after it was deleted|stuck/,
  },
  {
    name: 'never calls draining off',
    plan: (view, wanted) => planScale(view, wanted).filter((step) => step.kind !== 'keep'),
    caught: /stuck/,
  },
];
for (const { name, plan: mistaken, caught } of mistakes) {
  test(`the model catches a plan that ${name}`, () => {
    assert.throws(() => {
      const explored = explore(
        modelSteps({ ...rules, plan: mistaken }),
        start(1, { arrivals: 1, idles: 2 }),
        properties,
      );
      assertReaches(explored, 0);
      assertReaches(explored, 1);
    }, caught);
  });
}

test('the model catches an autoscaler that lowers without looking at the pods again', () => {
  const first = start(1, { arrivals: 2, idles: 1 });
  const mistaken = { ...rules, most: 1, looksAgain: false };
  assert.throws(() => explore(modelSteps(mistaken), first, properties), /Pod 2 was deleted/);
});
