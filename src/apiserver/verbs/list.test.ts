import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ApiObject } from '../api-object.ts';
import { openTestServer } from '../testing/open-test-server.ts';
import { configMap, pod } from '../testing/fixtures.ts';
import type { RawAnswer } from '../testing/https-client.ts';

const under = await openTestServer();
after(() => under[Symbol.asyncDispose]());
const { http, store } = under;
const core = '/api/v1/namespaces/default';

interface List {
  readonly kind: string;
  readonly apiVersion: string;
  readonly message: string;
  readonly reason: string;
  readonly details: { readonly causes: readonly { readonly reason: string }[] };
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly ApiObject[];
}

const list = ({ json }: RawAnswer): List => json as List;
const names = (answer: RawAnswer) => list(answer).items.map(({ metadata }) => metadata.name);
const get = (path: string, accept = '') =>
  http.send({ path, headers: accept === '' ? {} : { accept } });
const post = (path: string, value: unknown) => http.sendJson('POST', path, value);

for (const name of ['a', 'b', 'c', 'd', 'e']) {
  const labels = { odd: name === 'b' || name === 'd' ? 'no' : 'yes' };
  await post(`${core}/secrets`, { metadata: { name, labels } });
}
await post('/api/v1/namespaces/kube-public/secrets', { metadata: { name: 'z' } });

test('a list is in the order of keys, with the revision of its snapshot', async () => {
  const answer = await get('/api/v1/secrets');
  assert.deepEqual(names(answer), ['a', 'b', 'c', 'd', 'e', 'z']);
  assert.equal(list(answer).kind, 'SecretList');
  assert.equal(list(answer).apiVersion, 'v1');
  assert.equal(list(answer).metadata.resourceVersion, String(store.revision()));
});

test('an empty list has items and a version', async () => {
  const answer = await get('/apis/apps/v1/namespaces/default/replicasets');
  assert.deepEqual(list(answer).items, []);
  assert.equal(list(answer).metadata.resourceVersion, String(store.revision()));
});

test('selectors by label and field leave out what does not match', async () => {
  assert.deepEqual(names(await get(`${core}/secrets?labelSelector=odd%3Dno`)), ['b', 'd']);
  assert.deepEqual(names(await get(`${core}/secrets?labelSelector=odd%20notin%20(yes)`)), [
    'b',
    'd',
  ]);
  assert.deepEqual(names(await get('/api/v1/secrets?fieldSelector=metadata.name%3Da')), ['a']);
  assert.deepEqual(
    names(await get('/api/v1/secrets?fieldSelector=metadata.namespace!%3Ddefault')),
    ['z'],
  );
  const unknown = await get(`${core}/secrets?fieldSelector=spec.x%3Dy`);
  assert.equal(unknown.status, 400);
  assert.match(list(unknown).message, /field label not supported/);
  assert.equal((await get(`${core}/secrets?labelSelector=a%20b`)).status, 400);
});

test('pages show the first page’s snapshot to the end', async () => {
  const first = list(await get(`${core}/secrets?limit=2`));
  assert.deepEqual(
    first.items.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.equal(first.metadata.remainingItemCount, 3);
  await post(`${core}/secrets`, { metadata: { name: 'c2' } });
  await http.send({ method: 'DELETE', path: `${core}/secrets/d` });
  const rest = list(await get(`${core}/secrets?limit=9&continue=${first.metadata.continue ?? ''}`));
  assert.deepEqual(
    rest.items.map(({ metadata }) => metadata.name),
    ['c', 'd', 'e'],
  );
  assert.equal(rest.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(rest.metadata.continue, undefined);
  await http.send({ method: 'DELETE', path: `${core}/secrets/c2` });
  await post(`${core}/secrets`, { metadata: { name: 'd', labels: { odd: 'no' } } });
});

test('pages of a selection do not say how many remain', async () => {
  const first = list(await get(`${core}/secrets?limit=1&labelSelector=odd%3Dyes`));
  assert.deepEqual(
    first.items.map(({ metadata }) => metadata.name),
    ['a'],
  );
  assert.equal(first.metadata.remainingItemCount, undefined);
  const second = await get(
    `${core}/secrets?limit=9&labelSelector=odd%3Dyes&continue=${first.metadata.continue ?? ''}`,
  );
  assert.deepEqual(names(second), ['c', 'e']);
});

test('resourceVersion=0 ignores the limit', async () => {
  assert.equal(names(await get(`${core}/secrets?limit=1&resourceVersion=0`)).length, 5);
});

test('resourceVersion with a limit or with Exact shows that very state', async () => {
  const before = store.revision();
  await post(`${core}/secrets`, { metadata: { name: 'later' } });
  const exact = `resourceVersion=${before}&resourceVersionMatch=Exact`;
  assert.ok(!names(await get(`${core}/secrets?${exact}`)).includes('later'));
  const limited = await get(`${core}/secrets?resourceVersion=${before}&limit=50`);
  assert.ok(!names(limited).includes('later'));
  const notOlder = await get(`${core}/secrets?resourceVersion=${before}`);
  assert.ok(names(notOlder).includes('later'));
});

test('a revision of the future is 504 after a while', async () => {
  const answer = await get(`${core}/secrets?resourceVersion=${store.revision() + 1000}`);
  assert.equal(answer.status, 504);
  assert.equal(list(answer).reason, 'Timeout');
  assert.equal(list(answer).details.causes[0]?.reason, 'ResourceVersionTooLarge');
  assert.equal(answer.headers['retry-after'], '1');
});

test('contradicting options are refused', async () => {
  const cases: readonly (readonly [query: string, status: number])[] = [
    ['resourceVersionMatch=Exact', 422],
    ['resourceVersion=0&resourceVersionMatch=Exact', 422],
    ['resourceVersion=1&resourceVersionMatch=Odd', 422],
    ['sendInitialEvents=true', 422],
    ['resourceVersion=x', 400],
    ['limit=x', 400],
    ['continue=x', 400],
    ['continue=x&resourceVersion=5', 400],
  ];
  for (const [query, status] of cases) {
    assert.equal((await get(`${core}/secrets?${query}`)).status, status, query);
  }
});

test('a token whose revision is compacted is 410, with a token that goes on', async () => {
  const first = list(await get(`${core}/secrets?limit=2`));
  await post(`${core}/configmaps`, configMap('bump'));
  await store.compact(store.revision());
  const expired = await get(`${core}/secrets?limit=2&continue=${first.metadata.continue ?? ''}`);
  assert.equal(expired.status, 410);
  assert.equal(list(expired).reason, 'Expired');
  const token = list(expired).metadata.continue ?? '';
  const rest = list(await get(`${core}/secrets?continue=${token}`));
  assert.equal(rest.items[0]?.metadata.name, 'c');
  const exact = await get(`${core}/secrets?resourceVersion=2&resourceVersionMatch=Exact`);
  assert.equal(exact.status, 410);
});

test('tables have columns, and the objects as far as they are asked for', async () => {
  await post(`${core}/pods`, pod('tabled'));
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  interface Table {
    readonly kind: string;
    readonly columnDefinitions: readonly { readonly name: string }[];
    readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: ApiObject }[];
  }
  const table = async (query: string): Promise<Table> =>
    (await get(`${core}/pods${query}`, accept)).json as Table;
  const plain = await table('');
  assert.equal(plain.kind, 'Table');
  assert.equal(plain.columnDefinitions[0]?.name, 'Name');
  assert.equal(plain.rows[0]?.cells[0], 'tabled');
  assert.equal(plain.rows[0]?.object?.kind, 'PartialObjectMetadata');
  assert.equal((await table('?includeObject=Object')).rows[0]?.object?.kind, 'Pod');
  assert.equal((await table('?includeObject=None')).rows[0]?.object, undefined);
  assert.equal((await table('/tabled')).rows.length, 1);
  assert.equal((await get(`${core}/pods?includeObject=Odd`, accept)).status, 400);
});

test('metadata alone is given to who asks for it', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const answer = list(await get(`${core}/secrets?limit=1`, accept));
  assert.equal(answer.kind, 'PartialObjectMetadataList');
  assert.equal(answer.items[0]?.kind, 'PartialObjectMetadata');
  assert.equal(answer.items[0]?.['data'], undefined);
});
