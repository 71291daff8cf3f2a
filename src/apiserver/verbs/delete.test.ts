import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ApiObject } from '../api-object.ts';
import { openTestServer } from '../testing/open-test-server.ts';
import { configMap, pod } from '../testing/fixtures.ts';
import type { RawAnswer } from '../testing/https-client.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { http } = under;
const core = '/api/v1/namespaces/default';

interface Body extends ApiObject {
  readonly message: string;
  readonly status: unknown;
  readonly details: unknown;
  readonly items: readonly ApiObject[];
}

const body = ({ json }: RawAnswer): Body => json as Body;
const post = (path: string, value: unknown) => http.sendJson('POST', path, value);
const remove = (path: string, options: unknown = {}) => http.sendJson('DELETE', path, options);
const get = (path: string) => http.send({ path });
const merge = (path: string, value: unknown) =>
  http.sendJson('PATCH', path, value, 'application/merge-patch+json');

async function bindNewPod(name: string, extra: Readonly<Record<string, unknown>> = {}) {
  assert.equal((await post(`${core}/pods`, pod(name, extra))).status, 201);
  const binding = { target: { kind: 'Node', name: 'node' } };
  assert.equal((await post(`${core}/pods/${name}/binding`, binding)).status, 201);
}

test('DELETE removes at once and says what', async () => {
  const made = body(await post(`${core}/configmaps`, configMap('gone')));
  const answer = await remove(`${core}/configmaps/gone`);
  assert.equal(answer.status, 200);
  assert.equal(body(answer).status, 'Success');
  assert.deepEqual(body(answer).details, {
    name: 'gone',
    kind: 'configmaps',
    uid: made.metadata.uid,
  });
  assert.equal((await remove(`${core}/configmaps/gone`)).status, 404);
});

test('DELETE keeps an object until its last finalizer is taken away', async () => {
  const path = `${core}/configmaps/held`;
  await post(`${core}/configmaps`, {
    metadata: { name: 'held', finalizers: ['example.com/one'] },
  });
  const first = body(await remove(path));
  assert.ok(first.metadata.deletionTimestamp !== undefined);
  assert.equal(first.metadata.deletionGracePeriodSeconds, 0);
  const again = body(await remove(path));
  assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
  const more = await merge(path, {
    metadata: { finalizers: ['example.com/one', 'example.com/two'] },
  });
  assert.equal(more.status, 422);
  const taken = await post(`${core}/configmaps`, configMap('held'));
  assert.equal(taken.status, 409);
  assert.match(body(taken).message, /^object is being deleted: configmaps "held" already exists$/);
  assert.equal((await merge(path, { data: { a: '1' } })).status, 200);
  const last = await merge(path, { metadata: { finalizers: null } });
  assert.equal(last.status, 200);
  assert.equal((await get(path)).status, 404);
});

test('DELETE compares preconditions', async () => {
  await post(`${core}/configmaps`, configMap('precious'));
  const path = `${core}/configmaps/precious`;
  const wrong = await remove(path, { preconditions: { uid: 'other' } });
  assert.equal(wrong.status, 409);
  assert.match(body(wrong).message, /Precondition failed: UID in precondition: other/);
  assert.equal((await remove(path, { preconditions: { resourceVersion: '1' } })).status, 409);
  assert.equal((await get(path)).status, 200);
});

test('propagationPolicy becomes a finalizer, and a later one replaces it', async () => {
  await post(`${core}/configmaps`, configMap('owner'));
  const path = `${core}/configmaps/owner`;
  const foreground = body(await remove(path, { propagationPolicy: 'Foreground' }));
  assert.deepEqual(foreground.metadata.finalizers, ['foregroundDeletion']);
  const orphan = body(await remove(path, { propagationPolicy: 'Orphan' }));
  assert.deepEqual(orphan.metadata.finalizers, ['orphan']);
  const both = { propagationPolicy: 'Orphan', orphanDependents: true };
  assert.equal((await remove(path, both)).status, 422);
  assert.equal((await remove(path, { propagationPolicy: 'Odd' })).status, 422);
  assert.equal((await remove(path, { propagationPolicy: 'Background' })).status, 200);
  assert.equal((await get(path)).status, 404);
});

test('options of DELETE may come in the query, and the body may be empty', async () => {
  await post(`${core}/configmaps`, configMap('query'));
  const answer = await http.send({
    method: 'DELETE',
    path: `${core}/configmaps/query?propagationPolicy=Foreground`,
    headers: { 'content-type': 'application/json' },
  });
  assert.deepEqual(body(answer).metadata.finalizers, ['foregroundDeletion']);
});

test('a pod on a node is deleted gracefully, and a later deletion can only shorten that', async () => {
  await bindNewPod('graceful');
  const path = `${core}/pods/graceful`;
  const before = Date.now();
  const first = body(await remove(path)).metadata;
  assert.equal(first.deletionGracePeriodSeconds, 30);
  assert.ok(Date.parse(first.deletionTimestamp ?? '') >= before + 28_000);
  assert.equal(first.generation, 2);
  const longer = body(await remove(path, { gracePeriodSeconds: 60 })).metadata;
  assert.equal(longer.resourceVersion, first.resourceVersion);
  const shorter = body(await remove(path, { gracePeriodSeconds: 5 })).metadata;
  assert.equal(shorter.deletionGracePeriodSeconds, 5);
  assert.ok(
    Date.parse(shorter.deletionTimestamp ?? '') < Date.parse(first.deletionTimestamp ?? ''),
  );
  assert.equal((await remove(path, { gracePeriodSeconds: 0 })).status, 200);
  assert.equal((await get(path)).status, 404);
});

test('pods without a node and pods that have ended are deleted at once', async () => {
  await post(`${core}/pods`, pod('unscheduled'));
  assert.equal(body(await remove(`${core}/pods/unscheduled`)).status, 'Success');
  await bindNewPod('ended');
  await merge(`${core}/pods/ended/status`, { status: { phase: 'Succeeded' } });
  assert.equal(body(await remove(`${core}/pods/ended`)).status, 'Success');
});

test('a pod with a finalizer stays after its grace period', async () => {
  await bindNewPod('finalized', { finalizers: ['example.com/one'] });
  const path = `${core}/pods/finalized`;
  await remove(path, { gracePeriodSeconds: 0 });
  assert.equal((await get(path)).status, 200);
  await merge(path, { metadata: { finalizers: null } });
  assert.equal((await get(path)).status, 404);
});

test('a pod is bound once', async () => {
  await bindNewPod('bound');
  const answer = await post(`${core}/pods/bound/binding`, { target: { name: 'other' } });
  assert.equal(answer.status, 409);
  assert.match(body(answer).message, /pod bound is already assigned to node "node"/);
  const nowhere = await post(`${core}/pods/bound/binding`, { target: {} });
  assert.equal(nowhere.status, 400);
});

test('an eviction deletes the pod', async () => {
  await post(`${core}/pods`, pod('evicted'));
  const answer = await post(`${core}/pods/evicted/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'evicted', namespace: 'default' },
  });
  assert.equal(answer.status, 201);
  assert.equal((await get(`${core}/pods/evicted`)).status, 404);
});

test('DELETE of a collection deletes what is selected and answers with it', async () => {
  for (const name of ['one', 'two', 'three']) {
    const labels = name === 'three' ? {} : { sweep: 'yes' };
    await post(`${core}/secrets`, { metadata: { name, labels } });
  }
  const answer = body(await remove(`${core}/secrets?labelSelector=sweep%3Dyes`));
  assert.equal(answer.kind, 'SecretList');
  assert.deepEqual(answer.items.map(({ metadata }) => metadata.name).toSorted(), ['one', 'two']);
  assert.equal((await get(`${core}/secrets/one`)).status, 404);
  assert.equal((await get(`${core}/secrets/three`)).status, 200);
});

test('a namespace goes in two steps, and takes in nothing new meanwhile', async () => {
  await post('/api/v1/namespaces', { metadata: { name: 'leaving' } });
  const path = '/api/v1/namespaces/leaving';
  assert.equal((await post(`${path}/configmaps`, configMap('early'))).status, 201);
  const first = body(await remove(path));
  assert.deepEqual(first.status, { phase: 'Terminating' });
  const late = await post(`${path}/configmaps`, configMap('late'));
  assert.equal(late.status, 403);
  assert.match(body(late).message, /because it is being terminated/);
  assert.match(late.text, /NamespaceTerminating/);
  const finalized = await http.sendJson('PUT', `${path}/finalize`, {
    metadata: { name: 'leaving' },
    spec: {},
  });
  assert.equal(finalized.status, 200);
  assert.equal((await get(path)).status, 404);
  assert.equal((await post(`${path}/configmaps`, configMap('late'))).status, 404);
});
