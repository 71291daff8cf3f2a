import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Event, formatClaim, names, type Pod } from '../src/api/index.ts';
import { type Client, createClient, refs, type Transport } from '../src/client/index.ts';
import { runControllers } from '../src/controllers/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { randomIds } from '../src/lib/ids.ts';
import { silentLog } from '../src/lib/log.ts';
import { eventually, openControlPlane } from './testing/control-plane.ts';
import { becomeReady, configMap, createReadyNode, pod, replicaSet } from './testing/objects.ts';

const podsHere = { ref: refs.pods, namespace: 'default' };
const key = (name: string) => ({ namespace: 'default', name });

function controllerName({ metadata }: Pod): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.name;
}

test('a ReplicaSet gets its pods, bound to a node, and reports them as they become ready', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'node-1');
  await client.resource(refs.replicasets).create(replicaSet('web', 3));
  const pods = await eventually(
    plane,
    podsHere,
    (all) => all.length === 3 && all.every(({ spec }) => spec.nodeName === 'node-1'),
  );
  for (const each of pods) {
    assert.match(each.metadata.name, /^web-[a-z0-9]{5}$/);
    assert.equal(controllerName(each), 'web');
    await becomeReady(client, each);
  }
  const [rs] = await eventually(
    plane,
    { ref: refs.replicasets },
    ([only]) => only?.status?.availableReplicas === 3,
  );
  assert.equal(rs?.status?.replicas, 3);
  assert.equal(rs?.status?.readyReplicas, 3);
  assert.equal(rs?.status?.fullyLabeledReplicas, 3);
  assert.equal(rs?.status?.observedGeneration, 1);
  const created = await eventually(
    plane,
    { ref: refs.events },
    (events) => reasons(events, 'ReplicaSet').length === 3 && reasons(events, 'Pod').length === 3,
  );
  assert.deepEqual(new Set(reasons(created, 'ReplicaSet')), new Set(['SuccessfulCreate']));
  assert.deepEqual(new Set(reasons(created, 'Pod')), new Set(['Scheduled']));
});

function reasons(events: readonly Event[], kind: string): string[] {
  return events
    .filter(({ involvedObject }) => involvedObject.kind === kind)
    .map(({ reason }) => reason ?? '');
}

test('a pod that is deleted or fails is replaced', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('web', 2));
  const [first, second] = await eventually(plane, podsHere, (all) => all.length === 2);
  assert(first !== undefined && second !== undefined);
  await client.resource(refs.pods).delete(key(first.metadata.name));
  const status = { status: { phase: 'Failed' } };
  await client
    .resource(refs.pods)
    .patch(key(second.metadata.name), status, { type: 'merge', subresource: 'status' });
  await eventually(plane, podsHere, (all) => {
    const active = all.filter(({ status: now }) => now?.phase !== 'Failed');
    return all.length === 3 && active.length === 2 && !active.includes(first);
  });
});

test('scaling down deletes the pods of least deletion cost', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('web', 4));
  const pods = await eventually(plane, podsHere, (all) => all.length === 4);
  const cheap = pods.slice(1, 3).map(({ metadata }) => metadata.name);
  for (const name of cheap) {
    const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '-1000' };
    await client
      .resource(refs.pods)
      .patch(key(name), { metadata: { annotations } }, { type: 'merge' });
  }
  await client
    .resource(refs.replicasets)
    .patch(key('web'), { spec: { replicas: 2 } }, { type: 'merge', subresource: 'scale' });
  const left = await eventually(plane, podsHere, (all) => all.length === 2);
  for (const { metadata } of left) assert.equal(cheap.includes(metadata.name), false);
});

test('a burst of 50 creates exactly 50 pods, and scaling to 0 deletes all', async () => {
  await using plane = await openControlPlane();
  const { client, signal } = plane;
  await createReadyNode(client, 'node-1');
  let created = 0;
  const counting = (async () => {
    const events = client.resource(refs.pods).watch({ resourceVersion: '0' }, signal);
    for await (const event of events) if (event.type === 'ADDED') created += 1;
  })().catch(() => undefined);
  await client.resource(refs.replicasets).create(replicaSet('web', 50));
  await eventually(
    plane,
    podsHere,
    (all) => all.length === 50 && all.every(({ spec }) => spec.nodeName !== undefined),
  );
  await eventually(plane, { ref: refs.replicasets }, ([rs]) => rs?.status?.replicas === 50);
  assert.equal(created, 50);
  const scale = { spec: { replicas: 0 } };
  await client.resource(refs.replicasets).patch(key('web'), scale, { type: 'merge' });
  await eventually(plane, { ref: refs.replicasets }, ([rs]) => rs?.status?.replicas === 0);
  // No node agent ends them here: they terminate, and count as terminating.
  await eventually(plane, podsHere, (all) =>
    all.every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  assert.equal(created, 50);
  await plane[Symbol.asyncDispose]();
  await counting;
});

test('orphans that match are adopted, pods that match no longer are released and replaced', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.pods).create(pod('stray', { app: 'web' }));
  await client.resource(refs.replicasets).create(replicaSet('web', 1));
  await eventually(
    plane,
    podsHere,
    (all) => all.length === 1 && all.every((each) => controllerName(each) === 'web'),
  );
  await client
    .resource(refs.pods)
    .patch(key('stray'), { metadata: { labels: { app: 'other' } } }, { type: 'merge' });
  const pods = await eventually(
    plane,
    podsHere,
    (all) =>
      all.length === 2 &&
      all.some((each) => each.metadata.name === 'stray' && controllerName(each) === undefined) &&
      all.some((each) => each.metadata.name !== 'stray' && controllerName(each) === 'web'),
  );
  assert.equal(pods.length, 2);
});

for (const first of ['the raise', 'the labels'] as const) {
  test(`a pod that is being claimed is neither made twice nor deleted when ${first} comes first`, async () => {
    await using plane = await openControlPlane();
    const { client } = plane;
    await client.resource(refs.replicasets).create({
      ...replicaSet('web', 0),
      metadata: { name: 'web', namespace: 'default', annotations: { a: 'b' } },
    });
    const [rs] = await eventually(
      plane,
      { ref: refs.replicasets },
      ([only]) => only?.status?.observedGeneration === 1,
    );
    const warm = await client.resource(refs.pods).create(pod('warm', { [names.label.pool]: 'x' }));
    const claim = formatClaim({
      generation: 2,
      pods: [warm.metadata.uid ?? ''],
      atMs: systemClock.now(),
    });
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', controller: true };
    const writes = {
      'the raise': () =>
        client.resource(refs.replicasets).patch(
          key('web'),
          {
            metadata: { annotations: { [names.annotation.claims]: claim } },
            spec: { replicas: 1 },
          },
          { type: 'merge' },
        ),
      'the labels': () =>
        client.resource(refs.pods).patch(
          key('warm'),
          {
            metadata: {
              labels: { [names.label.pool]: null, app: 'web' },
              annotations: { [names.annotation.claim]: claim },
              ownerReferences: [{ ...owner, uid: rs?.metadata.uid }],
            },
          },
          { type: 'merge' },
        ),
    };
    await writes[first]();
    // What the controller makes of the one it does before the other is written.
    await client.resource(refs.configmaps).create(configMap('later'));
    await writes[first === 'the raise' ? 'the labels' : 'the raise']();
    await eventually(
      plane,
      { ref: refs.replicasets },
      ([only]) => only?.status?.observedGeneration === 2 && only.status.replicas === 1,
    );
    const { items } = await client.resource(refs.pods).list({});
    assert.deepEqual(
      items.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp]),
      [['warm', undefined]],
    );
  });
}

/** A waiting pod, and a ReplicaSet that claims it; nobody completes the claim. */
async function claimWarmPod(client: Client): Promise<void> {
  const warm = await client.resource(refs.pods).create(pod('warm', { [names.label.pool]: 'x' }));
  const uids = [warm.metadata.uid ?? ''];
  const claim = formatClaim({ generation: 1, pods: uids, atMs: systemClock.now() });
  const made = replicaSet('web', 1);
  const annotations = { [names.annotation.claims]: claim };
  await client
    .resource(refs.replicasets)
    .create({ ...made, metadata: { ...made.metadata, annotations } });
}

test('a claim that nobody completes leaves no ReplicaSet without its pods', async () => {
  await using plane = await openControlPlane();
  await claimWarmPod(plane.client);
  await eventually(plane, podsHere, (all) => all.some((each) => controllerName(each) === 'web'));
});

test('a claimed pod that goes before it was the ReplicaSet’s is replaced at once', async () => {
  await using plane = await openControlPlane();
  await claimWarmPod(plane.client);
  await plane.client.resource(refs.pods).delete(key('warm'), { gracePeriodSeconds: 0 });
  await eventually(plane, podsHere, (all) => all.some((each) => controllerName(each) === 'web'));
});

test('pods that the server refuses are reported in the status and by an event, then created', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const broken = replicaSet('web', 2, {
    template: {
      metadata: { labels: { app: 'web' }, finalizers: ['not qualified!'] },
      spec: { containers: [{ name: 'main', image: 'none' }] },
    },
  });
  await client.resource(refs.replicasets).create(broken);
  const [failed] = await eventually(
    plane,
    { ref: refs.replicasets },
    ([rs]) => rs?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure') === true,
  );
  assert.equal(failed?.status?.conditions?.[0]?.reason, 'FailedCreate');
  await eventually(plane, { ref: refs.events }, (events) =>
    events.some(
      ({ reason, message }) =>
        reason === 'FailedCreate' && message?.startsWith('Error creating: ') === true,
    ),
  );
  await client
    .resource(refs.replicasets)
    .patch(
      key('web'),
      { spec: { template: { metadata: { finalizers: null } } } },
      { type: 'merge' },
    );
  await eventually(plane, podsHere, (all) => all.length === 2);
  await eventually(
    plane,
    { ref: refs.replicasets },
    ([rs]) => (rs?.status?.conditions ?? []).length === 0,
  );
});

/** The same server, except that watches tell what happened only after a while. */
function lagging(transport: Transport, lagMs: number): Transport {
  return {
    ...transport,
    watch: async (request) => {
      const answer = await transport.watch(request);
      if (answer.kind === 'refused') return answer;
      return { kind: 'events', events: late(answer.events, lagMs, request.signal) };
    },
  };
}

async function* late(
  events: AsyncIterable<unknown>,
  lagMs: number,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  for await (const event of events) {
    await systemClock.sleep(lagMs, signal);
    yield event;
  }
}

test('a controller whose copy lags far behind its own writes creates no pod twice', async () => {
  await using plane = await openControlPlane({ controllers: false });
  const { client, server } = plane;
  await using stopping = new AsyncDisposableStack();
  const stop = new AbortController();
  const slow = lagging(server.inProcess({ name: 'slow', groups: ['system:masters'] }), 5);
  const controllers = runControllers(
    {
      client: createClient(slow, stop.signal),
      clock: systemClock,
      ids: randomIds,
      log: silentLog,
    },
    stop.signal,
  );
  stopping.defer(async () => {
    stop.abort();
    await controllers;
  });
  await client.resource(refs.replicasets).create(replicaSet('web', 20));
  const uids = new Set<string>();
  const caughtUp = async (): Promise<void> => {
    await eventually(plane, { ref: refs.replicasets }, ([rs]) => rs?.status?.replicas === 20);
    for (const { metadata } of (await client.resource(refs.pods).list({})).items) {
      uids.add(metadata.uid ?? '');
    }
  };
  await caughtUp();
  assert.equal(uids.size, 20);
  const [first] = (await client.resource(refs.pods).list({})).items;
  await client.resource(refs.pods).delete(key(first?.metadata.name ?? ''));
  await eventually(plane, podsHere, (all) => all.length === 20 && !all.includes(first as Pod));
  await caughtUp();
  assert.equal(uids.size, 21);
});
