import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ReplicaSet, TrafficTarget } from '../api/index.ts';
import { annotations } from './annotations.ts';
import { resolveFunction } from './blueprint.ts';
import { takeOverPatienceMs } from './proof.ts';
import { planRollout, progressDeadlineMs, type RolloutView } from './rollout.ts';
import { crashedPod, functionObject, pod, readyPod, replicaSet } from './testing/objects.ts';

const placement = { gatewayUrl: 'http://gateway', runtimeVersion: '1' };
const resolved = resolveFunction(functionObject(), placement);
assert(resolved.kind === 'valid');
const { revision, templateHash: template, record } = resolved.blueprint;
const loadError = '{"kind":"LoadError","message":"bad","file":"index.js","line":1}';

interface Case {
  readonly serving?: string;
  readonly sets: readonly (readonly [ReplicaSet, ...Pod[]])[];
  readonly neededPods?: number;
  readonly nowMs?: number;
  readonly generation?: number;
  readonly traffic?: readonly TrafficTarget[];
}

function view({
  serving,
  sets,
  neededPods = 0,
  nowMs = 20_000,
  generation = 1,
  traffic = [],
}: Case): RolloutView {
  const base = functionObject({ revisionHistoryLimit: 1, traffic });
  const fn = {
    ...base,
    metadata: { ...base.metadata, generation },
    status: serving === undefined ? {} : { revision: serving },
  };
  return {
    fn,
    resolved: resolveFunction(fn, placement),
    sets: sets.map(([set]) => set),
    podsOf: (set) => sets.find(([it]) => it === set)?.slice(1) as Pod[],
    neededPods,
    neededInAll: neededPods,
    nowMs,
  };
}

test('planRollout() creates the revision that the spec asks for, once', () => {
  assert.equal(planRollout(view({ sets: [] })).create, true);
  const set = replicaSet({ revision, template, record });
  const plan = planRollout(view({ sets: [[set]] }));
  assert.equal(plan.create, false);
  assert.equal(plan.mend, undefined);
});

test('planRollout() writes down anew what made the revision, where the spec says it otherwise', () => {
  const set = replicaSet({ revision, template, record: '{}' });
  assert.equal(planRollout(view({ sets: [[set]] })).mend, set);
});

test('planRollout() moves the traffic to a candidate with a ready pod, and not before', () => {
  const old = [replicaSet({ revision: 'old' }), readyPod('o')] as const;
  const candidate = replicaSet({ revision, template, requestedAt: 10 });
  const before = view({ serving: 'old', sets: [old, [candidate, pod('n')]] });
  assert.equal(planRollout(before).promote, undefined);
  const after = view({ serving: 'old', sets: [old, [candidate, readyPod('n')]] });
  assert.equal(planRollout(after).promote, revision);
});

test('planRollout() notes once that a revision has worked', () => {
  const candidate = replicaSet({ revision, template, requestedAt: 10 });
  assert.equal(planRollout(view({ sets: [[candidate, pod('n')]] })).prove, undefined);
  assert.equal(planRollout(view({ sets: [[candidate, readyPod('n')]] })).prove, candidate);
  const { metadata } = candidate;
  const noted = { [annotations.proven]: 'true', ...metadata.annotations };
  const proven = { ...candidate, metadata: { ...metadata, annotations: noted } };
  assert.equal(planRollout(view({ serving: revision, sets: [[proven]] })).prove, undefined);
});

test('planRollout() waits a while for as many pods as the traffic needs', () => {
  const old = [replicaSet({ revision: 'old' }), readyPod('o1'), readyPod('o2')] as const;
  const candidate = replicaSet({ revision, template, requestedAt: 10 });
  const at = (nowMs: number) =>
    planRollout(
      view({ serving: 'old', sets: [old, [candidate, readyPod('n', 20)]], neededPods: 2, nowMs }),
    );
  assert.equal(at(21_000).promote, undefined);
  assert.equal(at(21_000).againAfterMs, takeOverPatienceMs - 1000);
  assert.equal(at(20_000 + takeOverPatienceMs).promote, revision);
});

test('planRollout() gives a candidate up for a load error at once, for other troubles at the deadline', () => {
  const candidate = replicaSet({ revision, template, requestedAt: 10 });
  const bad = planRollout(view({ sets: [[candidate, crashedPod('n', loadError)]] }));
  assert.deepEqual(bad.fail?.failure, {
    generation: 1,
    reason: 'LoadFailed',
    message: 'index.js:1: bad',
  });
  const slow = (nowMs: number) =>
    planRollout(view({ sets: [[candidate, crashedPod('n', 'x')]], nowMs }));
  assert.equal(slow(10_000 + progressDeadlineMs - 1).fail, undefined);
  assert.equal(slow(10_000 + progressDeadlineMs).fail?.failure.reason, 'CrashLoopBackOff');
});

test('planRollout() never gives the active revision up', () => {
  const active = [replicaSet({ revision, template }), crashedPod('n', loadError)] as const;
  const plan = planRollout(view({ serving: revision, sets: [active], nowMs: 1e12 }));
  assert.equal(plan.fail, undefined);
});

test('planRollout() gives a failed revision another chance only when the spec has changed', () => {
  const failure = '{"generation":1,"reason":"LoadFailed","message":"bad"}';
  const failed = replicaSet({ revision, template, failure, replicas: 0 });
  assert.equal(planRollout(view({ sets: [[failed]] })).revive, undefined);
  assert.equal(planRollout(view({ sets: [[failed]], generation: 2 })).revive, failed);
});

test('planRollout() revives a revision of the history whose turn has come again', () => {
  const old = [replicaSet({ revision: 'old', requestedAt: 10 }), readyPod('o')] as const;
  const again = replicaSet({ revision, template, requestedAt: 5, replicas: 0 });
  const plan = planRollout(view({ serving: 'old', sets: [old, [again]], nowMs: 1e12 }));
  assert.equal(plan.revive, again);
  assert.equal(plan.fail, undefined);
});

test('planRollout() removes the oldest revisions beyond the limit once they are at zero', () => {
  const active = [replicaSet({ revision, template, requestedAt: 9 }), readyPod('n')] as const;
  const past = [1, 2, 3].map((age) =>
    replicaSet({ revision: `old${age}`, requestedAt: age, replicas: age === 1 ? 1 : 0 }),
  );
  const plan = planRollout(
    view({ serving: revision, sets: [active, ...past.map((set) => [set] as const)] }),
  );
  assert.deepEqual(plan.remove, [past[1]]);
});

test('planRollout() never removes a revision that the traffic names', () => {
  const active = [replicaSet({ revision, template, requestedAt: 9 }), readyPod('n')] as const;
  const past = [1, 2, 3].map((age) =>
    replicaSet({ revision: `old${age}`, requestedAt: age, replicas: 0 }),
  );
  const plan = planRollout(
    view({
      serving: revision,
      sets: [active, ...past.map((set) => [set] as const)],
      traffic: [{ revision: 'old1', tag: 'first' }],
    }),
  );
  assert.deepEqual(
    plan.remove.map((set) => set.metadata.name),
    ['f-old2'],
  );
});

test('planRollout() puts weights in force when those who gain have proven themselves', () => {
  const active = [replicaSet({ revision, template, requestedAt: 9 }), readyPod('n')] as const;
  const old = replicaSet({ revision: 'old' });
  const traffic = [
    { latest: true, weight: 50 },
    { revision: 'old', weight: 50 },
  ];
  const at = (...pods: Pod[]) =>
    planRollout(view({ serving: revision, sets: [active, [old, ...pods]], traffic })).traffic;
  assert.equal(at(pod('o')).moves, false);
  assert.equal(at(pod('o')).waitsFor?.revision, 'old');
  assert.equal(at(readyPod('o')).moves, true);
});

test('planRollout() waits a while for as many pods as a new share needs', () => {
  const pods = ['n1', 'n2', 'n3', 'n4'].map((name) => readyPod(name));
  const active = [replicaSet({ revision, template, requestedAt: 9 }), ...pods] as const;
  const old = [replicaSet({ revision: 'old' }), readyPod('o', 20)] as const;
  const traffic = [
    { latest: true, weight: 50 },
    { revision: 'old', weight: 50 },
  ];
  const at = (nowMs: number) =>
    planRollout(view({ serving: revision, sets: [active, old], traffic, neededPods: 4, nowMs }));
  assert.equal(at(21_000).traffic.moves, false);
  assert.equal(at(21_000).againAfterMs, takeOverPatienceMs - 1000);
  assert.equal(at(20_000 + takeOverPatienceMs).traffic.moves, true);
});

test('planRollout() gives a revision up that is to get calls and does not load, and moves nothing', () => {
  const active = [replicaSet({ revision, template, requestedAt: 9 }), readyPod('n')] as const;
  const old = [replicaSet({ revision: 'old' }), crashedPod('o', loadError)] as const;
  const traffic = [{ revision: 'old', weight: 100 }];
  const plan = planRollout(view({ serving: revision, sets: [active, old], traffic })).traffic;
  assert.equal(plan.moves, false);
  assert.equal(plan.fail?.failure.message, 'index.js:1: bad');
});
