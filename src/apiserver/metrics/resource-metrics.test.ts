import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { KubeList, NodeMetrics, PodMetrics } from '../../api/index.ts';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import { haveKubectl, openTestServer } from '../testing/open-test-server.ts';
import { pod } from '../testing/fixtures.ts';

/** The far side: a node's agent. Its containers use half a core and 10 Mi each; `young` has just begun. */
const tls = await makeCertificate();
let looks = 0;
const running = new Map<string, string>();
const begin = Date.now();
const startTime = '2026-01-01T00:00:00.000Z';

function usage(share: number): object {
  const now = Date.now();
  const time = new Date(now).toISOString();
  return {
    cpu: { time, usageCoreNanoSeconds: (now - begin) * 1e6 * share },
    memory: { time, workingSetBytes: 10 << 20 },
  };
}

const node = createServer(tls, (request, response) => {
  if (request.headers.authorization !== 'Bearer node-token') {
    response.writeHead(401).end('Unauthorized');
    return;
  }
  assert.equal(request.url, '/stats/summary');
  looks += 1;
  const pods = [...running].map(([name, uid]) => ({
    podRef: { name, namespace: 'default', uid },
    containers: [
      {
        name: 'main',
        startTime: name === 'young' ? new Date().toISOString() : startTime,
        ...usage(0.5),
      },
    ],
  }));
  response.end(JSON.stringify({ node: { nodeName: 'n1', ...usage(1) }, pods }));
});
node.listen(0, '127.0.0.1');
await once(node, 'listening');
const address = node.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;

const under = await openTestServer({ nodeLogs: { ca: tls.cert, token: 'node-token' } });
after(async () => {
  await under[Symbol.asyncDispose]();
  node.closeAllConnections();
  node.close();
});
const { http } = under;

for (const name of ['n1', 'mute']) {
  await http.sendJson('POST', '/api/v1/nodes', { metadata: { name } });
}
await http.sendJson(
  'PATCH',
  '/api/v1/nodes/n1/status',
  {
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
      allocatable: { cpu: '2', memory: '100Mi' },
    },
  },
  'application/merge-patch+json',
);
for (const [name, app] of [
  ['web', 'a'],
  ['young', 'a'],
  ['other', 'b'],
] as const) {
  const made = await http.sendJson(
    'POST',
    '/api/v1/namespaces/default/pods',
    pod(name, { labels: { app } }),
  );
  running.set(name, (made.json as PodMetrics).metadata.uid ?? '');
}
await http.sendJson('POST', '/api/v1/namespaces/default/pods', pod('pending'));

const root = '/apis/metrics.k8s.io/v1beta1';

async function list<T extends PodMetrics | NodeMetrics>(path: string): Promise<KubeList<T>> {
  const answer = await http.send({ path: `${root}/${path}` });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as KubeList<T>;
}

test('metrics.k8s.io looks at the nodes only when it is asked, and tells what pods use', async () => {
  assert.equal(looks, 0);
  const { kind, items } = await list<PodMetrics>('namespaces/default/pods?labelSelector=app=a');
  assert.equal(kind, 'PodMetricsList');
  const [web, ...others] = items;
  assert.deepEqual(others, [], 'a container that has just started is not known yet');
  assert.equal(web?.metadata.name, 'web');
  assert.deepEqual(web.metadata.labels, { app: 'a' });
  assert.match(web.timestamp, /^20.*Z$/);
  assert.match(web.window, /^[\d.]+s$/);
  const [main] = web.containers;
  assert.deepEqual(main, { name: 'main', usage: { cpu: '500m', memory: '10240Ki' } });
  assert.equal(looks, 2);
  await list('pods');
  await list('nodes');
  assert.equal(looks, 2, 'a look serves all who ask within a moment');
});

test('metrics.k8s.io tells what nodes use, and leaves out one that does not answer', async () => {
  const { items } = await list<NodeMetrics>('nodes');
  assert.deepEqual(
    items.map(({ metadata, usage: used }) => [metadata.name, used.cpu, used.memory]),
    [['n1', '1', '10240Ki']],
  );
  const one = await http.send({ path: `${root}/nodes/n1` });
  assert.equal((one.json as NodeMetrics).kind, 'NodeMetrics');
});

test('metrics.k8s.io refuses in the words of metrics-server', async () => {
  const get = async (path: string): Promise<[number, string]> => {
    const { status, json } = await http.send({ path: `${root}/${path}` });
    return [status, (json as { message: string }).message];
  };
  const [name, gone] = ['namespaces/default/pods/pending', 'namespaces/default/pods/gone'];
  assert.deepEqual(await get(name), [404, 'podmetrics.metrics.k8s.io "default/pending" not found']);
  assert.deepEqual(await get(gone), [404, 'pods "gone" not found']);
  assert.deepEqual(await get('nodes/mute'), [404, 'nodemetrics.metrics.k8s.io "mute" not found']);
  assert.equal((await get('pods?windowSeconds=soon'))[0], 400);
  assert.equal((await http.sendJson('POST', `${root}/nodes`, {})).status, 405);
  assert.equal((await get('pods?watch=true'))[0], 405);
});

test('kubectl top shows pods, containers and nodes', { skip: !haveKubectl }, async () => {
  const pods = await under.kubectl('top pods --containers --sort-by=cpu');
  assert.match(pods, /^POD +NAME +CPU\(cores\) +MEMORY\(bytes\)/);
  assert.match(pods, /^web +main +500m +10Mi/m);
  assert.match(await under.kubectl('top pods -A -l app=b'), /^default +other +500m +10Mi/m);
  assert.match(await under.kubectl('top nodes'), /^n1 +1000m +50% +10Mi +10%/m);
  const { code, stderr } = await under.tryKubectl('top pod pending');
  assert.equal(code, 1);
  assert.match(stderr, /not found/);
  assert.match(await under.kubectl('get pods.metrics.k8s.io web'), /^web +500m +10Mi /m);
});

test('without access to nodes there is no metrics.k8s.io', async () => {
  await using bare = await openTestServer();
  assert.equal((await bare.http.send({ path: root })).status, 404);
});
