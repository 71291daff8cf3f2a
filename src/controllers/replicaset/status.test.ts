import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicaSet } from '../../api/index.ts';
import { podWith } from '../testing/pods.ts';
import { nextAvailableMs, nextStatus } from './status.ts';

const now = 1_000_000_000_000;

function replicaSet(overrides: Partial<ReplicaSet> = {}, minReadySeconds = 0): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'rs', namespace: 'default', generation: 3 },
    spec: {
      minReadySeconds,
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a', tier: 't' } }, spec: { containers: [] } },
    },
    ...overrides,
  };
}

const pods = [
  podWith({ name: 'old', readyAt: now - 60_000, labels: { app: 'a', tier: 't' } }),
  podWith({ name: 'new', readyAt: now - 4000, labels: { app: 'a' } }),
  podWith({ name: 'starting', phase: 'Pending', labels: { app: 'a', tier: 't', more: 'm' } }),
  podWith({ name: 'going', readyAt: now - 60_000, deleting: true }),
  podWith({ name: 'failed', phase: 'Failed' }),
];

test('nextStatus() counts active pods, and terminating ones apart', () => {
  assert.deepEqual(nextStatus(replicaSet({}, 10), { pods, outcome: { kind: 'done' }, now }), {
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 3,
  });
  assert.equal(nextAvailableMs(replicaSet({}, 10), pods, now), 6000);
  assert.equal(nextAvailableMs(replicaSet(), pods, now), undefined);
});

test('nextStatus() is the same object when nothing has changed', () => {
  const status = nextStatus(replicaSet(), { pods, outcome: { kind: 'done' }, now });
  const rs = replicaSet({ status });
  assert.equal(nextStatus(rs, { pods, outcome: { kind: 'done' }, now: now + 1 }), status);
});

test('a failure stands until the ReplicaSet has succeeded', () => {
  const failure = { kind: 'failed', reason: 'FailedCreate', message: 'no room' } as const;
  const failed = nextStatus(replicaSet(), { pods, outcome: failure, now });
  assert.deepEqual(failed.conditions, [
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'no room',
      lastTransitionTime: '2001-09-09T01:46:40Z',
    },
  ]);
  const rs = replicaSet({ status: failed });
  const again = { ...failure, message: 'still no room' };
  assert.equal(nextStatus(rs, { pods, outcome: again, now: now + 9000 }), failed);
  assert.equal(nextStatus(rs, { pods, outcome: { kind: 'skipped' }, now }), failed);
  assert.equal(nextStatus(rs, { pods, outcome: { kind: 'done' }, now }).conditions, undefined);
});
