import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refs } from '../src/client/index.ts';
import { eventually, openControlPlane } from './testing/control-plane.ts';
import { becomeReady, createReadyNode, pod } from './testing/objects.ts';

const podsHere = { ref: refs.pods, namespace: 'default' };

test('a silent node becomes Unknown and its pods not ready; a heartbeat keeps a node', async () => {
  await using plane = await openControlPlane({ controllers: { nodeGraceMs: 400 } });
  const { client } = plane;
  await createReadyNode(client, 'silent');
  await createReadyNode(client, 'alive');
  await client.resource(refs.pods).create(pod('p', {}, { nodeName: 'silent' }));
  await becomeReady(client, pod('p'));
  const lease = (renewTime: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'alive', namespace: 'kube-node-lease' },
    spec: { holderIdentity: 'alive', renewTime },
  });
  await client.resource(refs.leases).create(lease(new Date().toISOString()));
  const stop = new AbortController();
  const beating = (async () => {
    while (!stop.signal.aborted) {
      const spec = lease(new Date().toISOString().replace('Z', '000Z')).spec;
      const key = { namespace: 'kube-node-lease', name: 'alive' };
      await client.resource(refs.leases).patch(key, { spec }, { type: 'merge' });
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 50);
      });
    }
  })();
  const nodes = await eventually(plane, { ref: refs.nodes }, (all) =>
    all.some(({ status }) => status?.conditions?.[0]?.status === 'Unknown'),
  );
  const readiness = Object.fromEntries(
    nodes.map(({ metadata, status }) => [metadata.name, status?.conditions?.[0]]),
  );
  assert.equal(readiness['alive']?.status, 'True');
  assert.equal(readiness['silent']?.reason, 'NodeStatusUnknown');
  assert.equal(readiness['silent']?.message, 'Kubelet stopped posting node status.');
  await eventually(
    plane,
    podsHere,
    ([only]) =>
      only?.status?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'False',
      ) === true,
  );
  stop.abort();
  await beating;
});

test('the pods of a node that is gone are removed, those of a node that came back stay', async () => {
  await using plane = await openControlPlane({ controllers: { nodeGraceMs: 300 } });
  const { client } = plane;
  await createReadyNode(client, 'gone');
  await createReadyNode(client, 'back');
  await client.resource(refs.pods).create(pod('lost', {}, { nodeName: 'gone' }));
  await client.resource(refs.pods).create(pod('kept', {}, { nodeName: 'back' }));
  await client.resource(refs.nodes).delete({ name: 'gone' });
  await client.resource(refs.nodes).delete({ name: 'back' });
  await createReadyNode(client, 'back');
  const [only] = await eventually(plane, podsHere, (all) => all.length === 1);
  assert.equal(only?.metadata.name, 'kept');
});
