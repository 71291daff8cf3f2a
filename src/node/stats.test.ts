import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '../api/index.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { makeCertificate } from '../lib/testing/certificates.ts';
import { openNodeServer } from './node-server.ts';
import { openProcessRuntime } from './process/runtime.ts';
import { shell } from './runtime.contract.ts';
import { type StatsSummary, statsSummary } from './stats.ts';
import { eventually } from './testing/eventually.ts';

const never = new AbortController().signal;

function nodeGet(port: number, token: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/stats/summary',
      headers: { authorization: `Bearer ${token}` },
      rejectUnauthorized: false,
      agent: false,
    };
    get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    }).on('error', reject);
  });
}

test('GET /stats/summary wants the token and tells what node and containers have used', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nought-stats-'));
  const runtime = await openProcessRuntime({ folder, images: {}, log: silentLog });
  const identity = { uid: 'u1', namespace: 'default', name: 'busy' };
  const sandbox = await runtime.openSandbox({ pod: identity, images: ['shell'], ports: [] });
  await sandbox.start(shell('while :; do :; done'), never);
  const done = await sandbox.start(shell('true', { name: 'done' }), never);
  await done.exited;
  const pod = { metadata: identity } as Pod;
  const pods = [
    { pod, sandbox },
    { pod: { metadata: { name: 'starting' } } as Pod, sandbox: undefined },
  ];
  await using server = await openNodeServer(
    { host: '127.0.0.1', port: 0, token: 'right', ...(await makeCertificate()) },
    {
      logs: () => ({ kind: 'refused', status: 404, message: '' }),
      stats: () => statsSummary({ nodeName: 'n1', pods, clock: systemClock }),
      clock: systemClock,
      log: silentLog,
    },
  );
  assert.equal((await nodeGet(server.port, 'wrong')).status, 401);
  const read = async (): Promise<StatsSummary> =>
    JSON.parse((await nodeGet(server.port, 'right')).text) as StatsSummary;
  const first = await read();
  assert.equal(first.node.nodeName, 'n1');
  assert.ok(first.node.memory.workingSetBytes > 0 && first.node.cpu.usageCoreNanoSeconds > 0);
  const [only, ...others] = first.pods;
  assert.deepEqual([only?.podRef, others], [identity, []]);
  assert.deepEqual(
    only?.containers.map(({ name }) => name),
    ['main'],
  );
  const used = (summary: StatsSummary): number =>
    summary.pods[0]?.containers[0]?.cpu.usageCoreNanoSeconds ?? 0;
  await eventually('it has used the CPU', async () => used(await read()) > used(first));
  await sandbox.remove();
  await runtime[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
