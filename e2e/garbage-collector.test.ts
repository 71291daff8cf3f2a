import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, KubeObject } from '../src/api/index.ts';
import { type Client, refs, type ResourceRef } from '../src/client/index.ts';
import { type ControlPlane, eventually, openControlPlane } from './testing/control-plane.ts';
import { configMap, createReadyNode, ownedBy, replicaSet } from './testing/objects.ts';

const podsHere = { ref: refs.pods, namespace: 'default' };
const key = (name: string) => ({ namespace: 'default', name });

async function create(client: Client, object: ConfigMap): Promise<ConfigMap> {
  return await client.resource(refs.configmaps).create(object);
}

/** Waits until exactly these ConfigMaps are left in the namespace. */
async function left(plane: ControlPlane, names: readonly string[]): Promise<readonly ConfigMap[]> {
  const wanted = names.toSorted().join(' ');
  return await eventually(plane, { ref: refs.configmaps, namespace: 'default' }, (all) => {
    const there = all.map(({ metadata }) => metadata.name);
    return there.toSorted().join(' ') === wanted;
  });
}

test('background deletion: the owner goes at once, then its dependents and theirs', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const owner = await create(client, configMap('owner'));
  const child = await create(client, configMap('child', [ownedBy(owner)]));
  await create(client, configMap('grandchild', [ownedBy(child)]));
  await create(client, configMap('stranger'));
  await client.resource(refs.configmaps).delete(key('owner'));
  await left(plane, ['stranger']);
});

test('foreground deletion: the owner stays until its dependents are gone', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const owner = await create(client, configMap('owner'));
  const child = configMap('child', [ownedBy(owner)]);
  const held = { ...child, metadata: { ...child.metadata, finalizers: ['test.dev/hold'] } };
  await create(client, held);
  await create(client, configMap('free', [ownedBy(owner)]));
  await create(client, configMap('lax', [ownedBy(owner, false)]));
  await client.resource(refs.configmaps).delete(key('owner'), { propagationPolicy: 'Foreground' });
  const [first, second] = await left(plane, ['child', 'owner']);
  assert(first?.metadata.deletionTimestamp !== undefined);
  assert(second?.metadata.deletionTimestamp !== undefined);
  const release = { metadata: { finalizers: null } };
  await client.resource(refs.configmaps).patch(key('child'), release, { type: 'merge' });
  await left(plane, []);
});

test('foreground deletion goes through owners in a circle', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const a = await create(client, configMap('a'));
  const b = await create(client, configMap('b', [ownedBy(a)]));
  const owners = { metadata: { ownerReferences: [ownedBy(b)] } };
  await client.resource(refs.configmaps).patch(key('a'), owners, { type: 'merge' });
  await client.resource(refs.configmaps).delete(key('a'), { propagationPolicy: 'Foreground' });
  await left(plane, []);
});

test('orphan deletion: the owner goes, its dependents stay and lose the reference', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('web', 2));
  await eventually(plane, podsHere, (all) => all.length === 2);
  await client.resource(refs.replicasets).delete(key('web'), { propagationPolicy: 'Orphan' });
  await eventually(plane, { ref: refs.replicasets }, (all) => all.length === 0);
  await eventually(
    plane,
    podsHere,
    (all) =>
      all.length === 2 && all.every(({ metadata }) => metadata.ownerReferences === undefined),
  );
});

test('the pods of a deleted ReplicaSet are deleted', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(refs.replicasets).create(replicaSet('web', 5));
  await eventually(plane, podsHere, (all) => all.length === 5);
  await client.resource(refs.replicasets).delete(key('web'));
  await eventually(plane, podsHere, (all) => all.length === 0);
});

test('a ReplicaSet in foreground deletion stays until its pods are gone, and makes no new ones', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'node-1');
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'none' }], terminationGracePeriodSeconds: 30 },
  };
  await client.resource(refs.replicasets).create(replicaSet('web', 2, { template }));
  await eventually(
    plane,
    podsHere,
    (all) => all.length === 2 && all.every(({ spec }) => spec.nodeName !== undefined),
  );
  await client.resource(refs.replicasets).delete(key('web'), { propagationPolicy: 'Foreground' });
  const pods = await eventually(plane, podsHere, (all) =>
    all.every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  assert.equal(pods.length, 2);
  for (const { metadata } of pods) {
    await client.resource(refs.replicasets).get(key('web'));
    await client.resource(refs.pods).delete(key(metadata.name), { gracePeriodSeconds: 0 });
  }
  await eventually(plane, { ref: refs.replicasets }, (all) => all.length === 0);
  assert.deepEqual((await client.resource(refs.pods).list({})).items, []);
});

test('an object with one owner left only loses the reference to the other', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  const first = await create(client, configMap('first'));
  const second = await create(client, configMap('second'));
  await create(client, configMap('child', [ownedBy(first), ownedBy(second)]));
  await client.resource(refs.configmaps).delete(key('first'));
  const all = await eventually(
    plane,
    { ref: refs.configmaps, namespace: 'default' },
    (objects) =>
      objects.length === 2 &&
      objects.some(({ metadata }) => metadata.ownerReferences?.length === 1),
  );
  const child = all.find(({ metadata }) => metadata.name === 'child');
  assert.equal(child?.metadata.ownerReferences?.[0]?.name, 'second');
});

test('owners that never were, are another by uid, or live in another namespace count as absent', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client
    .resource(refs.namespaces)
    .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
  const real = await create(client, configMap('real'));
  const abroad = await create(client, configMap('abroad', [], 'other'));
  const kept = await create(client, configMap('kept', [ownedBy(real)]));
  await create(client, configMap('a', [{ ...ownedBy(real), name: 'never', uid: 'no-such-uid' }]));
  await create(client, configMap('b', [{ ...ownedBy(real), uid: 'not-its-uid' }]));
  await create(client, configMap('c', [ownedBy(abroad)]));
  await left(plane, ['kept', 'real']);
  await eventually(plane, { ref: refs.events, namespace: 'default' }, (events) =>
    events.some(
      ({ reason, involvedObject }) =>
        reason === 'OwnerRefInvalidNamespace' && involvedObject.name === 'c',
    ),
  );
  assert.equal(
    (await client.resource(refs.configmaps).get(key('kept'))).metadata.uid,
    kept.metadata.uid,
  );
});

const widgets: ResourceRef<KubeObject> = {
  group: 'test.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};
const crds: ResourceRef<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.dev' },
  spec: {
    group: 'test.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
};

test('custom resources own and are owned from the moment that they are defined', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(crds).create(widgetDefinition);
  await eventually(plane, { ref: crds }, ([crd]) => JSON.stringify(crd).includes('Established'));
  const widget = await client.resource(widgets).create({
    apiVersion: 'test.dev/v1',
    kind: 'Widget',
    metadata: key('gear'),
  });
  const { metadata, apiVersion, kind } = widget;
  const { name, uid = '' } = metadata;
  await create(client, configMap('of-gear', [{ apiVersion, kind, name, uid }]));
  const config = await create(client, configMap('config'));
  await client.resource(widgets).create({
    apiVersion,
    kind,
    metadata: { ...key('owned'), ownerReferences: [ownedBy(config)] },
  });
  await client.resource(refs.configmaps).delete(key('config'));
  await eventually(plane, { ref: widgets }, (all) => all.length === 1);
  await client.resource(widgets).delete(key('gear'));
  await left(plane, []);
});

test('the dependents of custom resources go with the definition', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await client.resource(crds).create(widgetDefinition);
  await eventually(plane, { ref: crds }, ([crd]) => JSON.stringify(crd).includes('Established'));
  const widget = await client.resource(widgets).create({
    apiVersion: 'test.dev/v1',
    kind: 'Widget',
    metadata: key('gear'),
  });
  const { metadata, apiVersion, kind } = widget;
  const { name, uid = '' } = metadata;
  await create(client, configMap('of-gear', [{ apiVersion, kind, name, uid }]));
  await client.resource(crds).delete({ name: 'widgets.test.dev' });
  await left(plane, []);
});
