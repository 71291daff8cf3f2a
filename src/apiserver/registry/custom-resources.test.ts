import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ApiObject } from '../api-object.ts';
import { openMemoryStore } from '../../store/index.ts';
import { openTestServer, within } from '../testing/open-test-server.ts';
import { wrapStore } from '../testing/wrap-store.ts';
import { widgetCrd } from '../testing/fixtures.ts';
import type { RawAnswer } from '../testing/https-client.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { http } = under;
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const post = (path: string, value: unknown) => http.sendJson('POST', path, value);
const get = (path: string) => http.send({ path });
const merge = (path: string, value: unknown) =>
  http.sendJson('PATCH', path, value, 'application/merge-patch+json');

interface Crd extends ApiObject {
  readonly message: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
    }[];
    readonly acceptedNames: Readonly<Record<string, unknown>>;
    readonly storedVersions: readonly string[];
  };
}

const crd = ({ json }: RawAnswer): Crd => json as Crd;
const condition = (answer: RawAnswer, type: string) =>
  crd(answer).status.conditions.find((one) => one.type === type);

const thing = (group: string, name: string, extra: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: `${group}/v1`,
  kind: 'Widget',
  metadata: { name, ...extra },
});

test('a kind is served when the answer to its CRD is sent', async () => {
  const made = await post(crds, widgetCrd('now.io'));
  assert.equal(made.status, 201);
  assert.equal(condition(made, 'Established')?.status, 'True');
  assert.equal(condition(made, 'NamesAccepted')?.reason, 'NoConflicts');
  assert.deepEqual(crd(made).status.storedVersions, ['v1']);
  assert.equal(crd(made).status.acceptedNames['singular'], 'widget');
  assert.deepEqual(crd(made).metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io']);
  const path = '/apis/now.io/v1/namespaces/default/widgets';
  assert.equal((await post(path, thing('now.io', 'first'))).status, 201);
  const { text } = await get('/apis/now.io/v1');
  assert.match(text, /"widgets\/status"/);
});

test('a CRD whose names are taken is not served, and says why', async () => {
  await post(crds, widgetCrd('taken.io'));
  const other = widgetCrd('taken.io');
  const answer = await post(crds, {
    ...other,
    metadata: { name: 'gadgets.taken.io' },
    spec: { ...other.spec, names: { plural: 'gadgets', singular: 'gadget', kind: 'Widget' } },
  });
  assert.equal(answer.status, 201);
  assert.equal(condition(answer, 'NamesAccepted')?.reason, 'KindConflict');
  assert.equal(condition(answer, 'Established')?.status, 'False');
  assert.equal((await get('/apis/taken.io/v1/gadgets')).status, 404);
});

test('an invalid CRD is refused', async () => {
  const wrong = widgetCrd('wrong.io');
  const answer = await post(crds, { ...wrong, metadata: { name: 'widgets.other.io' } });
  assert.equal(answer.status, 422);
  assert.match(crd(answer).message, /metadata.name/);
});

test('a changed CRD changes what is served; a version more shows the same objects', async () => {
  const before = widgetCrd('change.io');
  const made = crd(await post(crds, before));
  await post('/apis/change.io/v1/namespaces/default/widgets', thing('change.io', 'w'));
  const [v1] = before.spec.versions;
  const changed = await http.sendJson('PUT', `${crds}/widgets.change.io`, {
    ...made,
    spec: {
      ...made.spec,
      versions: [
        { ...v1, storage: false },
        { ...v1, name: 'v2', storage: true },
      ],
    },
  });
  assert.equal(changed.status, 200, changed.text);
  assert.deepEqual(crd(changed).status.storedVersions, ['v1', 'v2']);
  const seen = await get('/apis/change.io/v2/namespaces/default/widgets/w');
  assert.equal(crd(seen).apiVersion, 'change.io/v2');
  await merge('/apis/change.io/v2/namespaces/default/widgets/w', {
    spec: { color: 'red' },
  });
  const back = crd(await get('/apis/change.io/v1/namespaces/default/widgets/w'));
  assert.equal(back.apiVersion, 'change.io/v1');
  assert.equal(back.spec['color'], 'red');
});

test('a deleted CRD takes its objects with it, and waits for those that are held', async () => {
  await post(crds, widgetCrd('gone.io'));
  const path = '/apis/gone.io/v1/namespaces/default/widgets';
  await post(path, thing('gone.io', 'free'));
  await post(path, thing('gone.io', 'held', { finalizers: ['example.com/held'] }));
  const events = http.watch(`${crds}?watch=true&fieldSelector=metadata.name%3Dwidgets.gone.io`);
  await within(events.next(), 'the CRD');
  const answer = await http.send({ method: 'DELETE', path: `${crds}/widgets.gone.io` });
  assert.ok(crd(answer).metadata.deletionTimestamp !== undefined);
  assert.equal((await post(path, thing('gone.io', 'late'))).status, 405);
  const objects = http.watch(`${path}?watch=true&fieldSelector=metadata.name%3Dheld`);
  for await (const { object } of objects) {
    if ('deletionTimestamp' in object.metadata) break;
  }
  assert.equal((await get(`${crds}/widgets.gone.io`)).status, 200);
  assert.equal((await get(`${path}/held`)).status, 200);
  await merge(`${path}/held`, { metadata: { finalizers: null } });
  const deleted = (async () => {
    for await (const { type } of events) if (type === 'DELETED') return;
  })();
  await within(deleted, 'the end of the CRD');
  assert.equal((await get(path)).status, 404);
});

test('a server serves the kinds of the CRDs that it finds, and those that another one makes', async () => {
  const store = openMemoryStore();
  await using first = await openTestServer({ store });
  await first.http.sendJson('POST', crds, widgetCrd('found.io'));
  // Its end is not the end of the store.
  const handle = wrapStore(store, { [Symbol.asyncDispose]: () => Promise.resolve() });
  await using second = await openTestServer({ store: handle });
  const found = await second.http.send({ path: '/apis/found.io/v1/widgets' });
  assert.equal(found.status, 200);
  const events = second.http.watch(`${crds}?watch=true&resourceVersion=${store.revision()}`);
  await first.http.sendJson('POST', crds, widgetCrd('later.io'));
  await within(events.next(), 'the new CRD');
  assert.equal((await second.http.send({ path: '/apis/later.io/v1/widgets' })).status, 200);
});
