import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openTestServer } from '../testing/open-test-server.ts';
import { widgetCrd } from '../testing/fixtures.ts';

const under = await openTestServer({ softwareVersion: '9.9.9' });
after(() => under[Symbol.asyncDispose]());
const { http } = under;
const aggregated =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface DiscoveryList {
  readonly kind: string;
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly subresources?: readonly { readonly subresource: string }[];
      }[];
    }[];
  }[];
}

interface ResourceList {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly group?: string;
    readonly version?: string;
  }[];
}

test('aggregated discovery lists kinds with subresources, and 304 while nothing changes', async () => {
  const first = await http.send({ path: '/api', headers: { accept: aggregated } });
  assert.equal(
    first.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  );
  const [group] = (first.json as DiscoveryList).items;
  const pods = group?.versions[0]?.resources.find(({ resource }) => resource === 'pods');
  assert.equal(pods?.scope, 'Namespaced');
  assert.deepEqual(
    pods?.subresources?.map(({ subresource }) => subresource),
    ['binding', 'eviction', 'exec', 'log', 'portforward', 'status'],
  );
  const groups = await http.send({ path: '/apis', headers: { accept: aggregated } });
  const { etag = '' } = groups.headers;
  const again = { accept: aggregated, 'if-none-match': etag };
  assert.equal((await http.send({ path: '/apis', headers: again })).status, 304);
  await http.sendJson('POST', crds, widgetCrd('disco.io'));
  const changed = await http.send({ path: '/apis', headers: again });
  assert.equal(changed.status, 200);
  const names = (changed.json as DiscoveryList).items.map(({ metadata }) => metadata.name);
  assert.ok(names.includes('disco.io'));
});

test('plain discovery answers at every level', async () => {
  const versions = await http.send({ path: '/api', headers: { accept: 'application/json' } });
  assert.equal((versions.json as { kind: string }).kind, 'APIVersions');
  const groups = await http.send({ path: '/apis' });
  assert.match(groups.text, /"preferredVersion":\{"groupVersion":"apps\/v1","version":"v1"\}/);
  assert.equal((await http.send({ path: '/apis/apps' })).status, 200);
  const core = (await http.send({ path: '/api/v1' })).json as ResourceList;
  const eviction = core.resources.find(({ name }) => name === 'pods/eviction');
  assert.equal(`${eviction?.group}/${eviction?.version} ${eviction?.kind}`, 'policy/v1 Eviction');
  assert.equal((await http.send({ path: '/apis/nope' })).status, 404);
  assert.equal((await http.send({ path: '/apis/apps/v9' })).status, 404);
});

test('OpenAPI v3 documents are found by hash, are kept by clients and change with a CRD', async () => {
  interface Index {
    readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
  }
  const index = (await http.send({ path: '/openapi/v3' })).json as Index;
  const url = index.paths['apis/apps/v1']?.serverRelativeURL ?? '';
  const document = await http.send({ path: `${url}&timeout=32s` });
  assert.equal(document.status, 200);
  assert.match(document.headers['cache-control'] ?? '', /immutable/);
  const { paths, components } = document.json as {
    readonly paths: Readonly<
      Record<string, { readonly patch?: Readonly<Record<string, unknown>> }>
    >;
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  };
  const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/replicasets/{name}'] ?? {};
  assert.match(JSON.stringify(patch), /"name":"fieldValidation"/);
  assert.ok(Object.hasOwn(components.schemas, 'io.k8s.api.apps.v1.ReplicaSet'));
  const headers = { 'if-none-match': document.headers.etag ?? '' };
  assert.equal((await http.send({ path: url, headers })).status, 304);
  await http.sendJson('POST', crds, widgetCrd('open.io'));
  const later = (await http.send({ path: '/openapi/v3' })).json as Index;
  assert.equal(later.paths['apis/apps/v1']?.serverRelativeURL, url);
  const widgets = later.paths['apis/open.io/v1']?.serverRelativeURL ?? '';
  assert.match((await http.send({ path: widgets })).text, /How large it is/);
});

test('version and health say who and how the server is', async () => {
  const version = await http.send({ path: '/version' });
  assert.match(version.text, /"major":"1","minor":"36","gitVersion":"v1.36.0\+nought-9.9.9"/);
  assert.equal((await http.send({ path: '/healthz' })).text, 'ok');
  const verbose = await http.send({ path: '/readyz?verbose' });
  assert.equal(verbose.text, '[+]ping ok\n[+]store ok\n[+]watch ok\nreadyz check passed\n');
  assert.equal((await http.send({ path: '/livez/ping' })).text, 'ok');
});

test('who am I and what may I do', async () => {
  const whoami = await http.sendJson(
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    {},
  );
  assert.equal(whoami.status, 201);
  assert.match(whoami.text, /"username":"admin"/);
  const can = await http.sendJson(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { spec: { resourceAttributes: { verb: 'create', resource: 'pods' } } },
  );
  assert.match(can.text, /"status":\{"allowed":true\}/);
});
