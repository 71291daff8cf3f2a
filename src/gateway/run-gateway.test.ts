import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPod } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

test('a POST is forwarded to a ready pod as "/" and runs once', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  const response = await gateway.fetch('/default/diff?a=1', {
    method: 'POST',
    body: '{"x":1,"y":2}',
    headers: { 'content-type': 'application/json', 'x-mine': 'kept' },
  });
  assert.equal(response.status, 200);
  const echo = (await response.json()) as Echo;
  assert.equal(echo.method, 'POST');
  assert.equal(echo.url, '/?a=1');
  assert.equal(echo.body, '{"x":1,"y":2}');
  assert.equal(echo.headers['x-mine'], 'kept');
  assert.deepEqual(pod.seen, ['POST /?a=1 {"x":1,"y":2}']);
});
