import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../src/api/index.ts';
import { refs } from '../src/client/index.ts';
import { eventually, openControlPlane } from './testing/control-plane.ts';
import { createReadyNode, pod } from './testing/objects.ts';

const podsHere = { ref: refs.pods, namespace: 'default' };

function scheduled({ status }: Pod) {
  return status?.conditions?.find(({ type }) => type === 'PodScheduled');
}

test('a pod waits for a node, says why, and is bound when there is one', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.pods).create(pod('p'));
  const [waiting] = await eventually(
    plane,
    podsHere,
    ([only]) => only !== undefined && scheduled(only)?.status === 'False',
  );
  assert(waiting !== undefined);
  assert.equal(scheduled(waiting)?.reason, 'Unschedulable');
  assert.equal(scheduled(waiting)?.message, 'no nodes available to schedule pods');
  await createReadyNode(client, 'node-1');
  const [bound] = await eventually(plane, podsHere, ([only]) => only?.spec.nodeName === 'node-1');
  assert(bound !== undefined);
  assert.equal(scheduled(bound)?.status, 'True');
});

test('pods are spread over nodes, and wait when all are full until one ends', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'a', 2);
  await createReadyNode(client, 'b', 2);
  const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
  await Promise.all(names.map((name) => client.resource(refs.pods).create(pod(name))));
  const pods = await eventually(
    plane,
    podsHere,
    (all) =>
      all.filter(({ spec }) => spec.nodeName !== undefined).length === 4 &&
      all.some((each) => scheduled(each)?.message === '0/2 nodes are available: 2 Too many pods.'),
  );
  for (const node of ['a', 'b']) {
    assert.equal(pods.filter(({ spec }) => spec.nodeName === node).length, 2);
  }
  const first = pods.find(({ spec }) => spec.nodeName === 'a');
  const key = { namespace: 'default', name: first?.metadata.name ?? '' };
  await client.resource(refs.pods).delete(key, { gracePeriodSeconds: 0 });
  await eventually(
    plane,
    podsHere,
    (all) => all.length === 4 && all.every(({ spec }) => spec.nodeName !== undefined),
  );
});

test('pods of other schedulers and pods that are gated are left alone', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'node-1');
  await client.resource(refs.pods).create(pod('other', {}, { schedulerName: 'mine' }));
  await client.resource(refs.pods).create(pod('gated', {}, { schedulingGates: [{ name: 'x' }] }));
  await client.resource(refs.pods).create(pod('plain'));
  const pods = await eventually(plane, podsHere, (all) =>
    all.some(({ spec }) => spec.nodeName !== undefined),
  );
  const bound = pods.filter(({ spec }) => spec.nodeName !== undefined);
  assert.deepEqual(
    bound.map(({ metadata }) => metadata.name),
    ['plain'],
  );
});
