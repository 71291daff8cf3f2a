import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatClaim, names, type Pod, type ReplicaSet } from '../../api/index.ts';
import { podWith } from '../testing/pods.ts';
import { claimedPods } from './claimed-pods.ts';

const now = 1_000_000;

function setWith(generation: number, claims?: string): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'f-1',
      namespace: 'default',
      uid: 'set',
      generation,
      ...(claims === undefined ? {} : { annotations: { [names.annotation.claims]: claims } }),
    },
    spec: { replicas: 1, selector: {}, template: { spec: { containers: [] } } },
  };
}

function claimedAt(atMs: number, generation: number): Pod {
  const pod = podWith({ name: 'owned', node: 'n', readyAt: 0 });
  const claim = formatClaim({ generation, pods: ['owned'], atMs });
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { [names.annotation.claim]: claim } },
  };
}

test('claimedPods() counts the living, unowned pods that a young claim names', () => {
  const named = podWith({ name: 'a' });
  const dying = podWith({ name: 'b', deleting: true });
  const ended = podWith({ name: 'c', phase: 'Failed' });
  const other = podWith({ name: 'd' });
  const unowned = [named, dying, ended, other];
  const claims = formatClaim({ generation: 2, pods: ['a', 'b', 'c'], atMs: now });
  const claimed = claimedPods(setWith(2, claims), { owned: [], unowned }, now + 1000);
  assert.deepEqual([...claimed.coming], [named]);
  assert.equal(claimed.forMs, 4000);
});

test('claimedPods() trusts a claim for five seconds, also when the clock was set', () => {
  const unowned = [podWith({ name: 'a' })];
  const rs = setWith(2, formatClaim({ generation: 2, pods: ['a'], atMs: now }));
  for (const later of [5000, 60_000, -5000, -60_000]) {
    const claimed = claimedPods(rs, { owned: [], unowned }, now + later);
    assert.deepEqual(claimed, { coming: [], early: new Set(), forMs: 0 }, String(later));
  }
  const broken = setWith(2, '{"pods":["a"]}');
  assert.deepEqual(claimedPods(broken, { owned: [], unowned }, now).coming, []);
});

test('claimedPods() spares a pod whose raise has not been seen, and no other', () => {
  const early = claimedAt(now, 3);
  const seen = claimedAt(now, 2);
  const old = claimedAt(now - 5000, 3);
  const owned = [early, seen, old, podWith({ name: 'plain' })];
  const claimed = claimedPods(setWith(2), { owned, unowned: [] }, now);
  assert.deepEqual([...claimed.early], [early]);
  assert.equal(claimed.forMs, 5000);
});
