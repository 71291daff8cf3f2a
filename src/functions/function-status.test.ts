import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import { resolveFunction } from './blueprint.ts';
import { functionStatus, lastInvokedStepMs } from './function-status.ts';
import { crashedPod, functionObject, pod, readyPod, replicaSet } from './testing/objects.ts';

const placement = { gatewayUrl: 'http://gateway', runtimeVersion: '1' };
const resolved = resolveFunction(functionObject(), placement);
assert(resolved.kind === 'valid');
const { revision } = resolved.blueprint;

function statusOf(
  fn: FunctionObject,
  sets: readonly (readonly [ReplicaSet, ...Pod[]])[],
  rest: { lastInvokedMs?: number; nowMs?: number } = {},
) {
  return functionStatus({
    fn,
    resolved: resolveFunction(fn, placement),
    sets: sets.map(([set]) => set),
    podsOf: (set) => sets.find(([it]) => it === set)?.slice(1) as Pod[],
    gatewayUrl: 'http://gateway',
    refusal: undefined,
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
