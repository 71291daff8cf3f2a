import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capacityOf, planScale, type PodView, type SetView } from './scale-plan.ts';

const pod = (uid: string, change: Partial<PodView> = {}): PodView => ({
  uid,
  ready: true,
  draining: false,
  drained: false,
  createdMs: Number(uid),
  ...change,
});
const draining = (uid: string, change: Partial<PodView> = {}): PodView =>
  pod(uid, { draining: true, ...change });

function view(replicas: number, pods: readonly PodView[], change: Partial<SetView> = {}): SetView {
  const seenReady = pods.filter((each) => each.ready).length;
  const released = new Set<string>();
  return { replicas, settled: true, seenReady, stuck: false, released, pods, ...change };
}

test('planScale() raises at once from zero', () => {
  assert.deepEqual(planScale(view(0, []), 3), [{ kind: 'raise', replicas: 3 }]);
  assert.deepEqual(planScale(view(3, [], { settled: false }), 3), []);
});

test('planScale() marks the pods that their controller would delete first', () => {
  const steps = planScale(view(3, [pod('1'), pod('2', { ready: false }), pod('3')]), 1);
  assert.deepEqual(steps, [{ kind: 'drain', pods: ['3', '2'].toSorted() }]);
});

test('planScale() lowers when all have answered', () => {
  const half = view(3, [pod('1'), draining('2', { drained: true }), draining('3')]);
  assert.deepEqual(planScale(half, 1), []);
  const all = view(2, [pod('1'), draining('2', { drained: true })]);
  assert.deepEqual(planScale(all, 1), [{ kind: 'lower', replicas: 1, released: ['2'] }]);
});

test('planScale() does not lower while a pod that stays ranks below one that goes', () => {
  const gone = draining('1', { drained: true });
  const starting = view(2, [gone, pod('2', { ready: false })]);
  // It keeps the one that works instead.
  assert.deepEqual(planScale(starting, 1), [
    { kind: 'keep', pods: ['1'] },
    { kind: 'drain', pods: ['2'] },
  ]);
  const unseen = view(2, [gone, pod('2')], { seenReady: 1 });
  assert.deepEqual(planScale(unseen, 1), []);
});

test('planScale() calls draining off rather than start pods', () => {
  const steps = planScale(view(2, [draining('1'), draining('2', { drained: true })]), 3);
  assert.deepEqual(steps, [
    { kind: 'keep', pods: ['1', '2'] },
    { kind: 'raise', replicas: 3 },
  ]);
});

test('planScale() starts pods instead of those that were released', () => {
  const lowered = view(0, [draining('1', { drained: true })], {
    settled: false,
    released: new Set(['1']),
  });
  assert.equal(capacityOf(lowered), 0);
  assert.deepEqual(planScale(lowered, 1), [{ kind: 'raise', replicas: 1 }]);
});

test('planScale() gives up pods that cannot be made', () => {
  assert.deepEqual(planScale(view(5, [pod('1')]), 1), []);
  const stuck = view(5, [pod('1')], { stuck: true });
  assert.deepEqual(planScale(stuck, 2), [{ kind: 'lower', replicas: 2, released: [] }]);
});
