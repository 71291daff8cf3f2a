import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ApiObject } from '../api-object.ts';
import { openTestServer } from '../testing/open-test-server.ts';
import { configMap, pod, widget, widgetCrd } from '../testing/fixtures.ts';
import type { RawAnswer } from '../testing/https-client.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { http } = under;
const core = '/api/v1/namespaces/default';
const widgets = '/apis/example.com/v1/namespaces/default/widgets';
await http.sendJson('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetCrd());

interface Body extends ApiObject {
  readonly message: string;
  readonly reason: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: unknown;
  readonly data: unknown;
  readonly details: { readonly causes: readonly { field: string; reason: string }[] };
}

const body = ({ json }: RawAnswer): Body => json as Body;
const post = (path: string, value: unknown) => http.sendJson('POST', path, value);
const put = (path: string, value: unknown) => http.sendJson('PUT', path, value);
const merge = (path: string, value: unknown) =>
  http.sendJson('PATCH', path, value, 'application/merge-patch+json');

test('POST sets what the server owns and drops what a client may not set', async () => {
  const answer = await post(`${core}/configmaps`, {
    metadata: {
      name: 'owned',
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      generation: 7,
      managedFields: [{ manager: 'me' }],
    },
  });
  assert.equal(answer.status, 201);
  const { metadata, kind, apiVersion } = body(answer);
  assert.equal(`${apiVersion} ${kind}`, 'v1 ConfigMap');
  assert.match(metadata.uid ?? '', /^[0-9a-f-]{36}$/);
  assert.notEqual(metadata.creationTimestamp, '2001-01-01T00:00:00Z');
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.equal(metadata.generation, undefined);
  assert.equal(Object.hasOwn(metadata, 'managedFields'), false);
});

test('POST of a taken name is 409 AlreadyExists', async () => {
  await post(`${core}/configmaps`, configMap('taken'));
  const answer = await post(`${core}/configmaps`, configMap('taken'));
  assert.equal(answer.status, 409);
  assert.equal(body(answer).reason, 'AlreadyExists');
  assert.equal(body(answer).message, 'configmaps "taken" already exists');
});

test('POST with generateName makes a fresh name each time', async () => {
  const names = new Set<string>();
  for (let i = 0; i < 5; i += 1) {
    const answer = await post(`${core}/configmaps`, { metadata: { generateName: 'gen-' } });
    names.add(body(answer).metadata.name);
  }
  assert.equal(names.size, 5);
  for (const name of names) assert.match(name, /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('POST into another namespace than the body says, or into none that exists, is refused', async () => {
  const other = { metadata: { name: 'x', namespace: 'kube-system' } };
  assert.equal((await post(`${core}/configmaps`, other)).status, 400);
  const nowhere = await post('/api/v1/namespaces/nowhere/configmaps', configMap('x'));
  assert.equal(nowhere.status, 404);
  assert.equal(body(nowhere).message, 'namespaces "nowhere" not found');
});

test('POST with a resourceVersion is refused', async () => {
  const answer = await post(`${core}/configmaps`, {
    metadata: { name: 'x', resourceVersion: '1' },
  });
  assert.equal(answer.status, 500);
  assert.match(body(answer).message, /resourceVersion should not be set/);
});

test('dryRun=All answers as if and stores nothing', async () => {
  const answer = await post(`${core}/configmaps?dryRun=All`, configMap('dry'));
  assert.equal(answer.status, 201);
  assert.equal((await http.send({ path: `${core}/configmaps/dry` })).status, 404);
  const wrong = await post(`${core}/configmaps?dryRun=Some`, configMap('dry'));
  assert.equal(wrong.status, 422);
  await post(`${core}/configmaps`, configMap('dry2'));
  const revision = under.store.revision();
  const deleted = await http.sendJson('DELETE', `${core}/configmaps/dry2`, { dryRun: ['All'] });
  assert.equal(deleted.status, 200);
  await put(`${core}/configmaps/dry2?dryRun=All`, configMap('dry2', { b: '2' }));
  assert.equal(under.store.revision(), revision);
});

test('fieldValidation warns, refuses or ignores unknown and duplicate fields', async () => {
  const text = '{"metadata":{"name":"strict"},"data":{"a":"1","a":"2"},"bogus":1}';
  const send = (query: string) =>
    http.send({ method: 'POST', path: `${core}/configmaps?dryRun=All${query}`, body: text });
  const warned = await send('');
  assert.equal(warned.status, 201);
  assert.equal(
    warned.headers['warning'],
    String.raw`299 - "duplicate field \"data.a\"", 299 - "unknown field \"bogus\""`,
  );
  const refused = await send('&fieldValidation=Strict');
  assert.equal(refused.status, 400);
  assert.match(
    body(refused).message,
    /strict decoding error: duplicate field "data.a", unknown field "bogus"/,
  );
  const ignored = await send('&fieldValidation=Ignore');
  assert.equal(ignored.status, 201);
  assert.equal(ignored.headers['warning'], undefined);
  assert.equal((await send('&fieldValidation=Odd')).status, 422);
});

test('a finalizer without a domain is taken with a warning', async () => {
  const finalized = { metadata: { name: 'finalized', finalizers: ['mine'] } };
  const answer = await post(`${core}/configmaps?dryRun=All`, finalized);
  assert.equal(answer.status, 201, answer.text);
  assert.match(answer.headers['warning'] ?? '', /prefer a domain-qualified finalizer name/);
});

test('PUT compares the resourceVersion, and a stale one is 409', async () => {
  const made = body(await post(`${core}/configmaps`, configMap('cas')));
  const path = `${core}/configmaps/cas`;
  const { resourceVersion = '' } = made.metadata;
  const current = { metadata: { name: 'cas', resourceVersion }, data: { a: '2' } };
  assert.equal((await put(path, current)).status, 200);
  const stale = await put(path, current);
  assert.equal(stale.status, 409);
  assert.equal(
    body(stale).message,
    'Operation cannot be fulfilled on configmaps "cas": the object has been modified; please apply your changes to the latest version and try again',
  );
  const otherUid = { metadata: { name: 'cas', uid: 'other' } };
  assert.equal((await put(path, otherUid)).status, 409);
  assert.equal((await put(path, configMap('other'))).status, 400);
  assert.equal((await put(path, configMap('cas', { b: '1' }))).status, 200);
});

test('PUT of a custom object needs a resourceVersion', async () => {
  await post(widgets, widget('need'));
  const answer = await put(`${widgets}/need`, widget('need'));
  assert.equal(answer.status, 422);
  assert.match(
    body(answer).message,
    /metadata.resourceVersion: Invalid value: 0: must be specified for an update/,
  );
});

test('a write that changes nothing keeps the version and sends no event', async () => {
  const made = body(await post(`${core}/configmaps`, configMap('noop')));
  const before = under.store.revision();
  const again = body(await put(`${core}/configmaps/noop`, configMap('noop')));
  const patched = body(await merge(`${core}/configmaps/noop`, { data: { a: '1' } }));
  assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
  assert.equal(patched.metadata.resourceVersion, made.metadata.resourceVersion);
  assert.equal(under.store.revision(), before);
});

test('generation counts changes of what is wanted, not of labels or status', async () => {
  const generation = (answer: RawAnswer) => body(answer).metadata.generation;
  const path = `${widgets}/counted`;
  assert.equal(generation(await post(widgets, widget('counted'))), 1);
  assert.equal(generation(await merge(path, { metadata: { labels: { a: 'b' } } })), 1);
  assert.equal(generation(await merge(`${path}/status`, { status: { replicas: 1 } })), 1);
  assert.equal(generation(await merge(path, { spec: { color: 'blue' } })), 2);
  await merge(`${path}/scale`, { spec: { replicas: 4 } });
  assert.equal(generation(await http.send({ path })), 3);
});

test('status and the rest are written by their own endpoints only', async () => {
  const path = `${widgets}/isolated`;
  const made = await post(widgets, { ...widget('isolated'), status: { replicas: 9 } });
  assert.equal(body(made).status, undefined);
  const main = await merge(path, { status: { replicas: 5 }, spec: { color: 'green' } });
  assert.equal(body(main).status, undefined);
  const status = await merge(`${path}/status`, {
    metadata: { labels: { no: 'no' } },
    spec: { color: 'black' },
    status: { replicas: 5 },
  });
  assert.deepEqual(body(status).status, { replicas: 5 });
  assert.equal(body(status).spec['color'], 'green');
  assert.equal(body(status).metadata.labels, undefined);
});

test('defaults are filled in and invalid values refused with every cause', async () => {
  const made = await post(widgets, widget('defaulted', {}));
  assert.equal(body(made).spec['size'], 3);
  const wrong = await post(widgets, widget('wrong', { size: -1, replicas: 'many' }));
  assert.equal(wrong.status, 422);
  assert.deepEqual(
    body(wrong)
      .details.causes.map(({ field }) => field)
      .toSorted(),
    ['spec.replicas', 'spec.size'],
  );
  assert.match(body(wrong).message, /^Widget\.example\.com "wrong" is invalid: \[/);
});

test('PATCH by merge, JSON and strategic merge patch', async () => {
  await post(`${core}/pods`, pod('patched', { labels: { a: '1' } }));
  const path = `${core}/pods/patched`;
  const json = await http.sendJson(
    'PATCH',
    path,
    [{ op: 'add', path: '/metadata/labels/b', value: '2' }],
    'application/json-patch+json',
  );
  assert.deepEqual(body(json).metadata.labels, { a: '1', b: '2' });
  const strategic = await http.sendJson(
    'PATCH',
    path,
    { spec: { containers: [{ name: 'main', image: 'newer' }] } },
    'application/strategic-merge-patch+json',
  );
  assert.equal(strategic.status, 200);
  const containers = body(strategic).spec['containers'];
  assert.ok(Array.isArray(containers));
  assert.equal(containers.length, 1);
  const removed = await merge(path, { metadata: { labels: { a: null } } });
  assert.deepEqual(body(removed).metadata.labels, { b: '2' });
});

test('PATCH refuses what it cannot do', async () => {
  await post(`${core}/configmaps`, configMap('refusals'));
  const path = `${core}/configmaps/refusals`;
  const jsonPatch = (operations: unknown) =>
    http.sendJson('PATCH', path, operations, 'application/json-patch+json');
  assert.equal((await jsonPatch([{ op: 'test', path: '/data/a', value: 'no' }])).status, 422);
  assert.equal((await jsonPatch([{ op: 'remove', path: '/nope/x' }])).status, 422);
  assert.equal((await jsonPatch({ not: 'a list' })).status, 400);
  assert.equal((await merge(`${core}/configmaps/missing`, {})).status, 404);
  assert.equal((await merge(path, { metadata: { name: 'other' } })).status, 400);
  assert.equal((await merge(path, { metadata: { uid: 'other' } })).status, 422);
  assert.equal((await merge(path, { metadata: { resourceVersion: '1' } })).status, 409);
  assert.equal((await merge(`${path}?force=true`, {})).status, 422);
  assert.equal((await merge(`${path}?fieldValidation=Strict`, { bogus: 1 })).status, 422);
  const warned = await merge(path, { bogus: 1 });
  assert.equal(warned.headers['warning'], String.raw`299 - "unknown field \"bogus\""`);
  const strategic = await http.sendJson(
    'PATCH',
    `${widgets}/need`,
    {},
    'application/strategic-merge-patch+json',
  );
  assert.equal(strategic.status, 415);
  const apply = await http.sendJson(
    'PATCH',
    path,
    configMap('refusals'),
    'application/apply-patch+yaml',
  );
  assert.equal(apply.status, 415);
  assert.match(body(apply).message, /accepted media types include: application\/json-patch\+json/);
});

test('PATCH without a resourceVersion wins against concurrent writers, all of them', async () => {
  await post(`${core}/configmaps`, configMap('contended', {}));
  const path = `${core}/configmaps/contended`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => merge(path, { data: { [`k${i}`]: 'v' } })),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  const data = body(await http.send({ path })).data;
  assert.equal(Object.keys(Object(data)).length, 20);
});

test('scale is read and written as autoscaling/v1 Scale', async () => {
  await post(widgets, widget('scaled', { replicas: 2 }));
  await merge(`${widgets}/scaled/status`, { status: { replicas: 1, selector: 'a=b' } });
  const path = `${widgets}/scaled/scale`;
  const read = await http.send({ path });
  const scale = body(read);
  assert.equal(`${scale.apiVersion} ${scale.kind}`, 'autoscaling/v1 Scale');
  assert.deepEqual(scale.spec, { replicas: 2 });
  assert.deepEqual(scale.status, { replicas: 1, selector: 'a=b' });
  const written = await http.send({
    method: 'PUT',
    path,
    body: JSON.stringify({ ...scale, spec: { replicas: 7 } }),
  });
  assert.deepEqual(body(written).spec, { replicas: 7 });
  const stale = await put(path, { ...scale, spec: { replicas: 8 } });
  assert.equal(stale.status, 409);
  assert.equal((await merge(path, { spec: { replicas: -1 } })).status, 422);
  assert.deepEqual(body(await http.send({ path: `${widgets}/scaled` })).spec['replicas'], 7);
});

test('scale of a ReplicaSet shows its selector as a text', async () => {
  const labels = { app: 'x' };
  await post('/apis/apps/v1/namespaces/default/replicasets', {
    metadata: { name: 'rs' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: pod('p').spec },
    },
  });
  const path = '/apis/apps/v1/namespaces/default/replicasets/rs/scale';
  const scale = body(await merge(path, { spec: { replicas: 0 } }));
  assert.deepEqual(scale.spec, { replicas: 0 });
  assert.deepEqual(scale.status, { replicas: 0, selector: 'app=x' });
});
