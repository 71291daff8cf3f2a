import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { startServer } from './testing/function-server.ts';

test('the node function server finishes what is in flight after SIGTERM', async () => {
  const slow =
    'import { once } from "node:events";\nexport default async () => { console.log("began"); await once(process, "SIGTERM"); return "done"; };';
  await using server = await startServer({
    language: 'node',
    files: { 'index.js': slow },
    handler: 'index.js',
  });
  const answer = server.call({});
  await once(server.process.stdout as NodeJS.ReadableStream, 'data');
  server.process.kill('SIGTERM');
  assert.equal(await (await answer).text(), '"done"');
  assert.equal(await server.exited, 0);
});

test('the python function server finishes what is in flight after SIGTERM', async () => {
  const text = `
import os, socket, sys
def handler(event):
    print("began")
    with socket.create_connection(("127.0.0.1", event["port"])) as gate:
        gate.recv(1)
    return "done"
`;
  const gate = createServer().listen(0, '127.0.0.1');
  await once(gate, 'listening');
  await using server = await startServer({
    language: 'python',
    files: { 'main.py': text },
    handler: 'main.py',
  });
  const answer = server.call({ port: (gate.address() as AddressInfo).port });
  const [waiting] = (await once(gate, 'connection')) as [Socket];
  server.process.kill('SIGTERM');
  await refusesConnections(server.url);
  waiting.end('x');
  assert.equal(await (await answer).text(), '"done"');
  assert.equal(await server.exited, 0);
  gate.close();
});

/** Waits until the server no longer accepts. */
async function refusesConnections(url: string): Promise<void> {
  const { port, hostname } = new URL(url);
  for (;;) {
    const socket = connect(Number(port), hostname);
    const outcome = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch(
      () => undefined,
    );
    socket.destroy();
    if (outcome === undefined || outcome[0] instanceof Error) return;
  }
}
