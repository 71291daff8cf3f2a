import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import { startPod } from '../testing/fake-pod.ts';
import { Harness } from '../testing/harness.ts';
import { SecureGateway } from '../testing/secure-gateway.ts';

/** Sends bytes over TLS and returns all that comes until the gateway closes. */
async function exchange(socket: TLSSocket, text: string): Promise<string> {
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return received;
}

function open(gateway: SecureGateway, protocols?: string[]): TLSSocket {
  return connect({
    port: gateway.port,
    host: '127.0.0.1',
    ca: gateway.ca,
    ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
  });
}

test('HTTP/1.1 over TLS is served by the same wire, with and without ALPN', async () => {
  await using gateway = await SecureGateway.start();
  await using pod = await startPod();
  gateway.harness.function();
  gateway.harness.pod(pod);
  for (const protocols of [undefined, ['http/1.1']]) {
    const answer = await exchange(
      open(gateway, protocols),
      'POST /default/diff HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}',
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /"x-forwarded-proto":"https"/);
    assert.match(answer, /"body":"\{\}"/);
  }
  const refused = await exchange(open(gateway), 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
  assert.match(refused, /^HTTP\/1\.1 400 /);
});

test('a WebSocket passes over TLS', async () => {
  await using gateway = await SecureGateway.start();
  await using pod = await startPod();
  const server = new WebSocketServer({ server: pod.server });
  server.on('connection', (socket) => socket.send('hello'));
  gateway.harness.function();
  gateway.harness.pod(pod);
  const socket = new WebSocket(`wss://127.0.0.1:${gateway.port}/default/diff`, { ca: gateway.ca });
  const [data] = (await once(socket, 'message')) as [Buffer];
  assert.equal(data.toString(), 'hello');
  socket.terminate();
  server.close();
});

test('a client that speaks no protocol of the gateway is refused in the handshake', async () => {
  await using gateway = await SecureGateway.start();
  const socket = open(gateway, ['spdy/3']);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.match(String(error.code), /ALERT_NO_APPLICATION_PROTOCOL|ECONNRESET/);
});

test('HTTP on the TLS port is closed, TLS 1.1 is refused, and others are served', async () => {
  await using gateway = await SecureGateway.start();
  const plain = connectPlain({ port: gateway.port, host: '127.0.0.1' });
  plain.on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(plain, 'close');
  const old = connect({
    port: gateway.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  await once(old, 'error');
  const answer = await exchange(
    open(gateway),
    'GET /-/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('a new certificate is shown once its files change, a wrong pair never', async () => {
  await using gateway = await SecureGateway.start();
  const shown = async (): Promise<string> => {
    const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return raw.toString('base64');
  };
  const first = await shown();
  const second = await makeCertificate();
  writeFileSync(gateway.certFile, second.cert);
  // The key of another certificate: the old pair stays in force.
  assert.equal(await shown(), first);
  writeFileSync(gateway.keyFile, second.key);
  let now = first;
  const end = performance.now() + 8000;
  while (now === first && performance.now() < end) {
    await setTimeout(50);
    now = await shown();
  }
  assert.ok(second.cert.replaceAll('\n', '').includes(now));
});

test('a certificate that cannot be used is named', async () => {
  await using gateway = await SecureGateway.start();
  const other = await makeCertificate();
  writeFileSync(gateway.keyFile, other.key);
  const { certFile, keyFile } = gateway;
  await assert.rejects(
    Harness.start({}, { tls: { port: 0, certFile, keyFile } }),
    /Cannot use the certificate ".*tls\.crt": the key in ".*tls\.key" is not that of the certificate/,
  );
  await assert.rejects(
    Harness.start({}, { tls: { port: 0, certFile: '/nowhere.crt', keyFile } }),
    /Cannot read "\/nowhere\.crt"/,
  );
});
