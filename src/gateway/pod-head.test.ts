import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { json } from 'node:stream/consumers';
import { startPod } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';

interface Echo {
  readonly headers: Readonly<Record<string, string>>;
}

async function origin(port: number, host: string, localAddress: string): Promise<string> {
  const options = { host: '127.0.0.1', port, localAddress, method: 'POST', path: '/default/diff' };
  const sent = request({ ...options, headers: { host }, agent: false });
  sent.end('{}');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { headers } = (await json(response)) as Echo;
  return [headers['host'], headers['x-forwarded-host'], headers['x-forwarded-for']].join(' ');
}

test('each pod hears where its own request came from, whoever came before', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  // Each differs from the one before in nothing, in the client, or in the host.
  const origins: readonly [host: string, client: string][] = [
    ['one.example', '127.0.0.1'],
    ['one.example', '127.0.0.1'],
    ['one.example', '127.0.0.9'],
    ['two.example', '127.0.0.9'],
    ['two.example', '127.0.0.1'],
    ['one.example', '127.0.0.1'],
  ];
  for (const [host, client] of origins) {
    assert.equal(await origin(gateway.port, host, client), `${host} ${host} ${client}`);
  }
});
