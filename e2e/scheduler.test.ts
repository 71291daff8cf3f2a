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

test('a pod that fits is created on its node, and says so like a bound one', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'node-1', 2);
  await eventually(plane, { ref: refs.nodes }, (nodes) => nodes.length === 1);
  // The scheduler hears of the node by itself: until then pods are bound later.
  let created = await client.resource(refs.pods).create(pod('p'));
  if (created.spec.nodeName === undefined) {
    await eventually(plane, podsHere, ([only]) => only?.spec.nodeName === 'node-1');
    created = await client.resource(refs.pods).create(pod('q'));
  } else {
    await client.resource(refs.pods).create(pod('q'));
  }
  assert.equal(created.spec.nodeName, 'node-1');
  assert.equal(scheduled(created)?.status, 'True');
  const said = { ref: refs.events, namespace: 'default' };
  await eventually(plane, said, (events) => {
    const about = events.filter(({ reason }) => reason === 'Scheduled');
    return new Set(about.map(({ involvedObject }) => involvedObject.name)).size === 2;
  });
});

test('a pod that could not be created leaves its room to others', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const pods = client.resource(refs.pods);
  await createReadyNode(client, 'node-1', 2);
  await pods.create(pod('p'));
  for (let time = 0; time < 3; time += 1) await assert.rejects(pods.create(pod('p')), /exists/);
  await pods.create(pod('q'));
  await eventually(
    plane,
    podsHere,
    (all) => all.length === 2 && all.every(({ spec }) => spec.nodeName === 'node-1'),
  );
  await Promise.all(['r', 's', 't'].map((name) => pods.create(pod(name))));
  await eventually(
    plane,
    podsHere,
    (all) => all.filter((each) => scheduled(each)?.status === 'False').length === 3,
  );
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
