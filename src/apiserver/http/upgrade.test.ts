import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import { openTestServer, strangerToken } from '../testing/open-test-server.ts';

/** The far side: a node that echoes what comes after the handshake. */
const tls = await makeCertificate();
const asked: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
const node = createServer(tls);
const ended: Promise<unknown>[] = [];
node.on('upgrade', ({ url = '', headers }, socket: Duplex) => {
  asked.push({ url, headers });
  socket.on('error', () => undefined);
  if (url.includes('/main?') && url.includes('command=refused')) {
    socket.end('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nnope');
    return;
  }
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  );
  ended.push(once(socket, 'close'));
  socket.pipe(socket);
});
node.listen(0, '127.0.0.1');
await once(node, 'listening');

const under = await openTestServer({ nodeLogs: { ca: tls.cert, token: 'node-token' } });
after(() => node.close());
const { http, url } = under;
const pods = '/api/v1/namespaces/default/pods';
await http.sendJson('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
const status = {
  addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
  daemonEndpoints: { kubeletEndpoint: { Port: (node.address() as AddressInfo).port } },
};
await http.sendJson('PATCH', '/api/v1/nodes/n1/status', { status }, 'application/merge-patch+json');
for (const name of ['bound', 'unbound']) {
  const spec = { containers: [{ name: 'main', image: 'i' }] };
  await http.sendJson('POST', pods, { metadata: { name }, spec });
}
await http.sendJson('POST', `${pods}/bound/binding`, { target: { name: 'n1' } });

/** The socket of an upgraded connection, or status and text of the refusal. */
function upgrade(path: string, token = 'the-token-of-the-admin'): Promise<Duplex | string> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'a2V5',
    authorization: `Bearer ${token}`,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { ca: under.tls.cert, headers, agent: false });
    outgoing.on('error', reject).on('upgrade', (_, socket) => resolve(socket));
    outgoing.on('response', (response) => {
      let text = `${response.statusCode} `;
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
    });
    outgoing.end();
  });
}

async function refusal(path: string, token?: string): Promise<string> {
  const answer = await upgrade(path, token);
  assert.ok(typeof answer === 'string');
  return answer;
}

test('an exec is joined to the node, with the token of the server and not the caller’s', async () => {
  const socket = await upgrade(`${pods}/bound/exec?command=a&command=b%20c&stdin=true&stdout=true`);
  assert.ok(typeof socket !== 'string');
  socket.write('hello');
  const [echo] = (await once(socket, 'data')) as [Buffer];
  assert.equal(String(echo), 'hello');
  const [{ url: path, headers } = { url: '', headers: {} }] = asked;
  assert.equal(path, '/exec/default/bound/main?input=1&output=1&command=a&command=b+c');
  assert.equal(headers.authorization, 'Bearer node-token');
  assert.equal(headers['sec-websocket-key'], 'a2V5');
  socket.destroy();
  await Promise.all(ended);
});

test('what cannot be joined is refused with a Status', async () => {
  const exec = 'exec?command=true&stdout=true';
  assert.match(await refusal(`${pods}/bound/${exec}`, 'nobodys'), /^401 .*Unauthorized/);
  assert.match(
    await refusal(`${pods}/bound/${exec}`, strangerToken),
    /^403 .*cannot create resource .*pods\/exec/,
  );
  assert.match(await refusal(`${pods}/none/${exec}`), /^404 .*pods \\"none\\" not found/);
  assert.match(await refusal(`${pods}/unbound/${exec}`), /^400 .*does not have a host assigned/);
  assert.match(
    await refusal(`${pods}/bound/${exec}&container=x`),
    /^400 .*container x is not valid/,
  );
  assert.match(await refusal(`${pods}/bound/exec?stdout=true`), /^400 .*must specify a command/);
  assert.match(await refusal(`${pods}/bound/exec?command=true`), /^400 .*at least 1 of stdin/);
  assert.match(await refusal(`${pods}/bound/exec?command=refused&stdout=true`), /^500 .*nope/);
  assert.equal((await http.send({ path: `${pods}/bound/exec` })).status, 400);
});

test('the server ends the streams that are open when it stops', async () => {
  const socket = await upgrade(`${pods}/bound/portforward`);
  assert.ok(typeof socket !== 'string');
  socket.on('error', () => undefined).resume();
  const closed = once(socket, 'close');
  await under[Symbol.asyncDispose]();
  await closed;
});
