import assert from 'node:assert/strict';
import { get } from 'node:https';
import { test } from 'node:test';
import type { Node } from '../api/index.ts';
import type { StatsSummary } from './stats.ts';
import { AgentUnderTest, shell } from './testing/agent-under-test.ts';
import { eventually } from './testing/eventually.ts';

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
  await using agent = await AgentUnderTest.open();
  agent.create('busy', shell('while :; do :; done'));
  agent.create('done', shell('true'), { restartPolicy: 'Never' });
  await agent.status('busy', ({ phase }) => phase === 'Running');
  await agent.status('done', ({ phase }) => phase === 'Succeeded');
  const node = agent.api.get<Node>('/api/v1/nodes/n1');
  const port = node?.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  assert.equal((await nodeGet(port, 'wrong')).status, 401);
  const read = async (): Promise<StatsSummary> =>
    JSON.parse((await nodeGet(port, 'the-token')).text) as StatsSummary;
  const first = await read();
  assert.equal(first.node.nodeName, 'n1');
  assert.ok(first.node.memory.workingSetBytes > 0 && first.node.cpu.usageCoreNanoSeconds > 0);
  const [only, ...others] = first.pods;
  assert.deepEqual([only?.podRef.name, others], ['busy', []]);
  assert.deepEqual(
    only?.containers.map(({ name }) => name),
    ['main'],
  );
  const used = (summary: StatsSummary): number =>
    summary.pods[0]?.containers[0]?.cpu.usageCoreNanoSeconds ?? 0;
  await eventually('it has used the CPU', async () => used(await read()) > used(first));
});
