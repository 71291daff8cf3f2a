import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnerReference } from '../../api/index.ts';
import type { Resource } from '../discover-resources.ts';
import { type GraphNode, OwnerGraph } from './owner-graph.ts';

const resource: Resource = {
  id: '/v1/configmaps',
  ref: { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
  verbs: new Set(),
  watchable: true,
};

function node(
  uid: string,
  owners: readonly string[] = [],
  more: Partial<GraphNode> = {},
): GraphNode {
  return {
    uid,
    resource,
    namespace: 'a',
    name: uid,
    owners: owners.map((owner) => reference(owner)),
    deleting: false,
    finalizers: [],
    ...more,
  };
}

function reference(uid: string, blockOwnerDeletion = true): OwnerReference {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid, blockOwnerDeletion };
}

const foreground = { deleting: true, finalizers: ['foregroundDeletion'] };

test('a dependent is looked at when its owner is not known, and not when it is', () => {
  const graph = new OwnerGraph();
  assert.deepEqual(graph.put(node('child', ['owner'])), ['child']);
  assert.deepEqual(graph.put(node('owner')), []);
  assert.deepEqual(graph.put(node('second', ['owner'])), []);
  assert.deepEqual(
    graph.dependents('owner').map(({ uid }) => uid),
    ['child', 'second'],
  );
});

test('a reference that does not fit its owner has to be looked at', () => {
  const graph = new OwnerGraph();
  graph.put(node('owner'));
  assert.deepEqual(graph.put(node('x', ['owner'], { namespace: 'b' })), ['x']);
  const misnamed = { ...reference('owner'), name: 'other' };
  assert.deepEqual(graph.put(node('y', [], { owners: [misnamed] })), ['y']);
  const misgrouped = { ...reference('owner'), apiVersion: 'apps/v1' };
  assert.deepEqual(graph.put(node('z', [], { owners: [misgrouped] })), ['z']);
});

test('the end of an owner decides its dependents, that of a dependent its waiting owner', () => {
  const graph = new OwnerGraph();
  graph.put(node('owner'));
  graph.put(node('a', ['owner']));
  graph.put(node('b', ['owner']));
  assert.deepEqual(graph.put(node('owner', [], foreground)), ['owner', 'a', 'b']);
  assert.deepEqual(graph.remove('a'), ['owner']);
  assert.deepEqual(
    graph.blockers('owner').map(({ uid }) => uid),
    ['b'],
  );
  const unblocked = node('b', [], { owners: [reference('owner', false)] });
  assert.equal(graph.put(unblocked).includes('owner'), true);
  assert.deepEqual(graph.blockers('owner'), []);
  assert.deepEqual(graph.remove('owner'), ['b']);
});

test('a reference that is taken away is no dependency any more', () => {
  const graph = new OwnerGraph();
  graph.put(node('owner'));
  graph.put(node('a', ['owner']));
  graph.put(node('a'));
  assert.deepEqual(graph.remove('owner'), []);
});
