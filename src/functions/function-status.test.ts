import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import { resolveFunction } from './blueprint.ts';
import { functionStatus, lastInvokedStepMs, type StatusView } from './function-status.ts';
import { crashedPod, functionObject, pod, readyPod, replicaSet } from './testing/objects.ts';

const placement = { gatewayUrl: 'http://gateway', runtimeVersion: '1' };
const resolved = resolveFunction(functionObject(), placement);
assert(resolved.kind === 'valid');
const { revision } = resolved.blueprint;

function statusOf(
  fn: FunctionObject,
  sets: readonly (readonly [ReplicaSet, ...Pod[]])[],
  rest: { lastInvokedMs?: number; nowMs?: number; move?: StatusView['move'] } = {},
) {
  return functionStatus({
    fn,
    resolved: resolveFunction(fn, placement),
    sets: sets.map(([set]) => set),
    podsOf: (set) => sets.find(([it]) => it === set)?.slice(1) as Pod[],
    gatewayUrl: 'http://gateway',
    refusal: undefined,
    move: rest.move ?? { moves: true, waitsFor: undefined },
    lastInvokedMs: rest.lastInvokedMs,
    nowMs: rest.nowMs ?? 0,
  });
}

function verdicts(...input: Parameters<typeof statusOf>): string[] {
  const { conditions = [] } = statusOf(...input);
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason ?? ''}`);
}

const serving = (name: string): FunctionObject =>
  functionObject({}, { status: { revision: name } });

test('functionStatus() calls a function at zero ready, and one that wakes too', () => {
  const asleep = replicaSet({ revision, replicas: 0 });
  assert.deepEqual(verdicts(serving(revision), [[asleep]]), [
    'Ready=True Idle',
    'Serving=True Idle',
  ]);
  const awake = replicaSet({ revision, replicas: 1 });
  const waking = verdicts(serving(revision), [[awake, pod('p')]]);
  assert.deepEqual(waking, ['Ready=True Starting', 'Serving=True Starting']);
});

test('functionStatus() tells a first start, an update and a failed update apart', () => {
  const first = verdicts(functionObject(), [[replicaSet({ revision }), pod('p')]]);
  assert.deepEqual(first, ['Ready=False Starting', 'Serving=False Starting']);
  const old = [replicaSet({ revision: 'old' }), readyPod('o')] as const;
  const update = verdicts(serving('old'), [old, [replicaSet({ revision }), pod('p')]]);
  assert.deepEqual(update, ['Ready=Unknown Updating', 'Serving=True Ready']);
  const failed = verdicts(serving('old'), [old, [replicaSet({ revision }), crashedPod('p', '')]]);
  assert.deepEqual(failed, ['Ready=False UpdateFailed', 'Serving=True Ready']);
});

test('functionStatus() tells why the spec makes no sense, and that the old revision serves', () => {
  const bad = functionObject({ source: {} }, { status: { revision: 'old' } });
  const old = [replicaSet({ revision: 'old' }), readyPod('o')] as const;
  const [ready] = statusOf(bad, [old]).conditions ?? [];
  assert.match(ready?.message ?? '', /^InvalidSource: spec.source .*revision old still serves/);
});

test('functionStatus() keeps the time of a condition until its status changes', () => {
  const sets = [[replicaSet({ revision }), readyPod('p')]] as const;
  const before = statusOf(serving(revision), sets, { nowMs: 1000 });
  const again = statusOf({ ...functionObject(), status: before }, sets, { nowMs: 9000 });
  assert.deepEqual(again, before);
});

test('functionStatus() writes the last call down rarely', () => {
  const sets = [[replicaSet({ revision }), readyPod('p')]] as const;
  const lastInvoked = '1970-01-01T00:00:10Z';
  const fn = functionObject({}, { status: { revision, replicas: 1, lastInvoked } });
  const at = (lastInvokedMs: number) => statusOf(fn, sets, { lastInvokedMs }).lastInvoked;
  assert.equal(at(10_000 + lastInvokedStepMs - 1000), lastInvoked);
  assert.equal(at(10_000 + lastInvokedStepMs), '1970-01-01T00:01:10Z');
  assert.equal(at(5000), lastInvoked);
});

const old = replicaSet({ revision: 'old', replicas: 1 });
const split = functionObject(
  {
    traffic: [
      { latest: true, weight: 10 },
      { revision: 'old', weight: 90, tag: 'stable' },
    ],
  },
  { status: { revision } },
);

test('functionStatus() shows the traffic in force, and counts the pods of the largest share', () => {
  const sets = [
    [replicaSet({ revision }), readyPod('n1'), readyPod('n2')],
    [old, readyPod('o')],
  ] as const;
  const status = statusOf(split, sets);
  assert.deepEqual(status.traffic, [
    { revision, latest: true, weight: 10, replicas: 2, readyReplicas: 2 },
    {
      revision: 'old',
      weight: 90,
      tag: 'stable',
      url: 'http://gateway/default/f@stable',
      replicas: 1,
      readyReplicas: 1,
    },
  ]);
  assert.equal(status.replicas, 1);
  assert.equal(status.revision, revision);
  assert.match(status.selector ?? '', /revision=old$/);
});

test('functionStatus() shows no traffic where the latest revision takes all calls', () => {
  assert.equal(statusOf(serving(revision), [[replicaSet({ revision })]]).traffic, undefined);
});

test('functionStatus() says for which revision the traffic waits, or why it cannot move', () => {
  const active = [replicaSet({ revision }), readyPod('n')] as const;
  const waitsFor = { revision: 'old', set: old, asked: 90, inForce: 0 };
  const move = { moves: false, waitsFor };
  const moving = statusOf(split, [active, [old, pod('o')]], { move });
  assert.deepEqual(moving.conditions?.[0]?.status, 'Unknown');
  assert.match(moving.conditions?.[0]?.message ?? '', /Revision old is starting/);
  assert.deepEqual(
    moving.traffic?.map(({ weight }) => weight),
    [100, 0],
  );
  const failure = '{"generation":1,"reason":"LoadFailed","message":"bad"}';
  const given = replicaSet({ revision: 'old', replicas: 0, failure });
  const stuck = statusOf(split, [active, [given]], {
    move: { moves: false, waitsFor: { ...waitsFor, set: given } },
  });
  assert.equal(stuck.conditions?.[0]?.reason, 'UpdateFailed');
  assert.match(stuck.conditions?.[0]?.message ?? '', /^LoadFailed: bad/);
  assert.equal(stuck.traffic?.[1]?.reason, 'LoadFailed');
  assert.equal(stuck.conditions?.[1]?.status, 'True');
});

test('functionStatus() names a revision that is gone, and those that there are', () => {
  const fn = functionObject(
    { traffic: [{ revision: 'gone', weight: 100 }] },
    { status: { revision } },
  );
  const status = statusOf(fn, [[replicaSet({ revision }), readyPod('n')]]);
  assert.deepEqual(verdicts(fn, [[replicaSet({ revision }), readyPod('n')]]), [
    'Ready=False RevisionMissing',
    'Serving=True Ready',
  ]);
  assert.match(status.conditions?.[0]?.message ?? '', /revision "gone": .* there are "/);
  assert.deepEqual(
    status.traffic?.map(({ latest, weight }) => [latest, weight]),
    [[true, 100]],
  );
});
