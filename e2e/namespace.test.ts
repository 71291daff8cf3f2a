import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStatus } from '../src/api/index.ts';
import { refs } from '../src/client/index.ts';
import { eventually, openControlPlane } from './testing/control-plane.ts';
import { configMap, createReadyNode, pod } from './testing/objects.ts';

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

test('each namespace has a default ServiceAccount and the root certificate, again when deleted', async () => {
  await using plane = await openControlPlane({ controllers: { rootCa: 'PEM' } });
  const { client } = plane;
  await client.resource(refs.namespaces).create(namespace('team'));
  const accounts = { ref: refs.serviceaccounts, namespace: 'team' };
  const [account] = await eventually(plane, accounts, (all) => all.length === 1);
  assert.equal(account?.metadata.name, 'default');
  const maps = { ref: refs.configmaps, namespace: 'team' };
  const [map] = await eventually(plane, maps, (all) => all.length === 1);
  assert.equal(map?.metadata.name, 'kube-root-ca.crt');
  assert.deepEqual(map?.data, { 'ca.crt': 'PEM' });
  await client.resource(refs.serviceaccounts).delete({ namespace: 'team', name: 'default' });
  await eventually(
    plane,
    accounts,
    ([again]) => again !== undefined && again.metadata.uid !== account?.metadata.uid,
  );
  const change = { data: { 'ca.crt': 'forged' } };
  await client
    .resource(refs.configmaps)
    .patch({ namespace: 'team', name: 'kube-root-ca.crt' }, change, { type: 'merge' });
  await eventually(plane, maps, ([now]) => {
    const unchanged = now?.metadata.resourceVersion === map?.metadata.resourceVersion;
    return !unchanged && now?.data?.['ca.crt'] === 'PEM';
  });
});

test('a namespace that is deleted takes all of its content along', async () => {
  await using plane = await openControlPlane({ controllers: { rootCa: 'PEM' } });
  const { client } = plane;
  await client.resource(refs.namespaces).create(namespace('team'));
  await client.resource(refs.configmaps).create(configMap('a', [], 'team'));
  await client.resource(refs.secrets).create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'team' },
  });
  await client.resource(refs.configmaps).create(configMap('elsewhere'));
  await client.resource(refs.namespaces).delete({ name: 'team' });
  await eventually(plane, { ref: refs.namespaces }, (all) =>
    all.every(({ metadata }) => metadata.name !== 'team'),
  );
  for (const ref of [refs.configmaps, refs.secrets, refs.serviceaccounts]) {
    assert.deepEqual((await client.resource(ref).list({ namespace: 'team' })).items, []);
  }
  await client.resource(refs.configmaps).get({ namespace: 'default', name: 'elsewhere' });
});

test('a namespace says what remains in it, takes nothing new, and waits for its pods first', async () => {
  await using plane = await openControlPlane();
  const { client } = plane;
  await createReadyNode(client, 'node-1');
  await client.resource(refs.namespaces).create(namespace('team'));
  const spec = { nodeName: 'node-1', terminationGracePeriodSeconds: 30 };
  const slow = pod('slow', {}, spec);
  await client
    .resource(refs.pods)
    .create({ ...slow, metadata: { name: 'slow', namespace: 'team' } });
  const held = configMap('held', [], 'team');
  await client
    .resource(refs.configmaps)
    .create({ ...held, metadata: { ...held.metadata, finalizers: ['test.dev/hold'] } });
  await client.resource(refs.namespaces).delete({ name: 'team' });
  const remains = (text: string) =>
    eventually(plane, { ref: refs.namespaces }, (all) =>
      all.some(({ metadata, status }) => {
        const messages = status?.conditions?.map(({ message }) => message) ?? [];
        return (
          metadata.name === 'team' && status?.phase === 'Terminating' && messages.includes(text)
        );
      }),
    );
  await remains('Some resources are remaining: pods. has 1 resource instances');
  // The ConfigMap is left alone until the pod, which may use it, is gone.
  const map = await client.resource(refs.configmaps).get({ namespace: 'team', name: 'held' });
  assert.equal(map.metadata.deletionTimestamp, undefined);
  await assert.rejects(
    client.resource(refs.configmaps).create(configMap('b', [], 'team')),
    (error) => isStatus(error, 'Forbidden'),
  );
  await client
    .resource(refs.pods)
    .delete({ namespace: 'team', name: 'slow' }, { gracePeriodSeconds: 0 });
  await remains(
    'Some content in the namespace has finalizers remaining: test.dev/hold in 1 resource instances',
  );
  await client
    .resource(refs.configmaps)
    .patch(
      { namespace: 'team', name: 'held' },
      { metadata: { finalizers: null } },
      { type: 'merge' },
    );
  await eventually(plane, { ref: refs.namespaces }, (all) =>
    all.every(({ metadata }) => metadata.name !== 'team'),
  );
});
