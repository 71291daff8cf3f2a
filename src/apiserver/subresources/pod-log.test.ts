import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import { openTestServer, within } from '../testing/open-test-server.ts';

/** The far side: what a node's agent answers on the kubelet's path. */
const tls = await makeCertificate();
const requests: string[] = [];
const closed = Promise.withResolvers<void>();
const node = createServer(tls, (request, response) => {
  requests.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
  if (request.url?.includes('/waiting?')) {
    response.writeHead(400).end('container "waiting" in pod "p" is waiting to start: Pulling');
  } else if (request.url?.includes('follow=true')) {
    response.writeHead(200).write('line 1\n');
    request.on('close', closed.resolve);
  } else {
    response.writeHead(200).end('line 1\nline 2\n');
  }
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
const pods = '/api/v1/namespaces/default/pods';

async function makePod(name: string, containers: readonly string[], nodeName?: string) {
  const made = await http.sendJson('POST', pods, {
    metadata: { name },
    spec: { containers: containers.map((one) => ({ name: one, image: 'i' })) },
  });
  assert.equal(made.status, 201, made.text);
  if (nodeName === undefined) return;
  await http.sendJson('POST', `${pods}/${name}/binding`, { target: { name: nodeName } });
}

await http.sendJson('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
await http.sendJson(
  'PATCH',
  '/api/v1/nodes/n1/status',
  {
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  },
  'application/merge-patch+json',
);
await http.sendJson('POST', '/api/v1/nodes', { metadata: { name: 'mute' } });
await makePod('p', ['main'], 'n1');
await makePod('two', ['one', 'waiting'], 'n1');
await makePod('nowhere', ['main']);
await makePod('lost', ['main'], 'mute');

const message = (text: string): string => (JSON.parse(text) as { message: string }).message;

test('a log comes from the node, with the token and the parameters', async () => {
  const answer = await http.send({ path: `${pods}/p/log?tailLines=5&timestamps=true&bogus=1` });
  assert.equal(answer.text, 'line 1\nline 2\n');
  assert.equal(answer.headers['content-type'], 'text/plain');
  assert.equal(
    requests.at(-1),
    'Bearer node-token /containerLogs/default/p/main?tailLines=5&timestamps=true',
  );
});

test('a followed log arrives as it is written, and ends at the node when the client leaves', async () => {
  const response = await http.open({ path: `${pods}/p/log?follow=true` });
  const [chunk] = (await within(once(response, 'data'), 'a chunk')) as [Buffer];
  assert.equal(chunk.toString(), 'line 1\n');
  response.destroy();
  await within(closed.promise, 'the end at the node');
});

test('which container is meant must be clear', async () => {
  const ambiguous = await http.send({ path: `${pods}/two/log` });
  assert.equal(ambiguous.status, 400);
  assert.equal(
    message(ambiguous.text),
    'a container name must be specified for pod two, choose one of: [one waiting]',
  );
  const unknown = await http.send({ path: `${pods}/two/log?container=three` });
  assert.equal(message(unknown.text), 'container three is not valid for pod two');
});

test('what the node says of a container that has not started reaches the client', async () => {
  const answer = await http.send({ path: `${pods}/two/log?container=waiting` });
  assert.equal(answer.status, 400);
  assert.match(message(answer.text), /is waiting to start: Pulling/);
});

test('a pod without a node, and a node that cannot be reached, are named', async () => {
  const unscheduled = await http.send({ path: `${pods}/nowhere/log` });
  assert.equal(unscheduled.status, 400);
  assert.match(message(unscheduled.text), /pod nowhere does not have a host assigned/);
  const mute = await http.send({ path: `${pods}/lost/log` });
  assert.equal(mute.status, 503);
  assert.match(message(mute.text), /node "mute" has not said where it can be reached/);
  assert.equal((await http.send({ path: `${pods}/missing/log` })).status, 404);
});
