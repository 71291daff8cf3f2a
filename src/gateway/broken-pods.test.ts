import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { names } from '../api/index.ts';
import { podAddress } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';

const post = { method: 'POST', body: '{}' };
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A pod whose process ends within its first call, and that accepts a few connections more. */
async function startDyingPod(stillAccepted: number) {
  const calls: string[] = [];
  let left = 0;
  const answer = (socket: Socket, text: string): void => {
    const isProbe = text.includes(names.readyPath);
    if (!isProbe) calls.push(text);
    if (!isProbe && calls.length === 1) left = stillAccepted + 1;
    left -= 1;
    if (left >= 0) socket.resetAndDestroy();
    else socket.write(ok);
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => answer(socket, chunk.toString('latin1')));
  });
  const host = podAddress();
  await new Promise<void>((resolve) => {
    server.listen({ host, port: 0 }, resolve);
  });
  server.unref();
  return { host, port: (server.address() as AddressInfo).port, calls };
}

test('a pod that broke off gets no call until it answers: a dying process costs one call only', async () => {
  await using gateway = await Harness.start();
  const pod = await startDyingPod(3);
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 502);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  assert.equal(pod.calls.length, 2);
});
