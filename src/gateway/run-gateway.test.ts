import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPod } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';
import { exchangeRaw } from './testing/raw-client.ts';

const request =
  'POST /default/diff HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}';

test('runGateway() rejects with the reason when the port is in use', async () => {
  await using gateway = await Harness.start();
  await assert.rejects(Harness.start({}, { port: gateway.port }), /the port is in use/);
});

test('two gateways share a port, and one goes on when the other stops', async () => {
  await using pod = await startPod();
  const first = await Harness.start({}, { reusePort: true });
  await using second = await Harness.start({}, { reusePort: true, port: first.port });
  for (const gateway of [first, second]) {
    gateway.function();
    gateway.pod(pod);
  }
  for (let index = 0; index < 20; index += 1) {
    assert.match(await exchangeRaw(second.port, request), /^HTTP\/1\.1 200 OK/);
  }
  await first.stop();
  for (let index = 0; index < 20; index += 1) {
    assert.match(await exchangeRaw(second.port, request), /^HTTP\/1\.1 200 OK/);
  }
  assert.equal(pod.seen.length, 40);
});
