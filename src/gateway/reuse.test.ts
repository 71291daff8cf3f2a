import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { startPod } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';
import type { FunctionShape } from './testing/objects.ts';

/** How many connections two POSTs take, some seconds apart, to a pod that announces no end of them. */
async function connectionsOfTwo(shape: FunctionShape): Promise<number> {
  let passedMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs };
  await using gateway = await Harness.start({}, { clock });
  await using pod = await startPod(undefined, { keepAliveMs: 0 });
  gateway.function(shape);
  gateway.pod(pod);
  for (const body of ['first', 'second']) {
    const response = await gateway.fetch('/default/diff', { method: 'POST', body });
    assert.equal(response.status, 200);
    await response.text();
    passedMs += 20_000;
  }
  return pod.connections;
}

test('a POST to a function server goes over a connection that was idle for long', async () => {
  assert.equal(await connectionsOfTwo({}), 1);
});

test('a POST to a program of its own kind does not: it may be closing that connection', async () => {
  assert.equal(await connectionsOfTwo({ spec: { runtime: 'image' } }), 2);
  assert.equal(await connectionsOfTwo({ spec: { signature: 'http' } }), 2);
});
