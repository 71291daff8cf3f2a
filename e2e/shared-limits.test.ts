import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

/** Answers with the most requests that its pod has had at once. */
const counting = `
let now = 0;
let most = 0;
export default async () => {
  most = Math.max(most, (now += 1));
  await new Promise((done) => setTimeout(done, 20));
  now -= 1;
  return most;
};`;

describe('hard limits with three gateways', () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform('--gateways', '3');
  });
  after(() => platform[Symbol.asyncDispose]());

  /** So many calls at once, each on a connection of its own, so that they reach all gateways. */
  async function burst(name: string, calls: number): Promise<readonly number[]> {
    const headers = { connection: 'close' };
    return Promise.all(
      Array.from({ length: calls }, async () => {
        const answer = await platform.call(name, {}, { headers });
        assert.equal(answer.status, 200, await answer.clone().text());
        return Number(await answer.text());
      }),
    );
  }

  test('one pod with a limit of one serves a burst through all of them, one by one', async () => {
    const scaling = '  scaling: {min: 1, max: 1, hardConcurrency: 1}';
    await platform.apply(functionManifest('lone', 'node', counting, scaling));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/lone', '--timeout=30s');
    assert.deepEqual(new Set(await burst('lone', 60)), new Set([1]));
  });

  test('100 calls at once for a function at zero are answered by no more pods than max', async () => {
    const scaling = '  scaling: {max: 3, hardConcurrency: 1, idle: 2s}';
    await platform.apply(functionManifest('burst', 'node', counting, scaling));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/burst', '--timeout=30s');
    await eventually('it is at zero', async () => {
      const pods = await platform.kubectl('get', 'pods', '-l', 'nought.dev/function=burst');
      assert.equal(pods, '');
    });
    assert.deepEqual(new Set(await burst('burst', 100)), new Set([1]));
    const pods = await platform.kubectl(
      'get',
      'pods',
      '-l',
      'nought.dev/function=burst',
      '-o',
      'name',
    );
    assert.ok(pods.trim().split('\n').length <= 3, pods);
  });

  test('a gateway that is killed takes no slot with it', async () => {
    const scaling = '  scaling: {min: 1, max: 1, hardConcurrency: 2}';
    await platform.apply(functionManifest('left', 'node', counting, scaling));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/left', '--timeout=30s');
    assert.ok((await burst('left', 30)).every((most) => most <= 2));
    const earlier = platform.processIds('gateway');
    for (const pid of earlier.slice(0, 2)) process.kill(pid, 'SIGKILL');
    await eventually('three gateways run', () => {
      const now = platform.processIds('gateway');
      assert.equal(now.length, 3);
      assert.equal(now.filter((pid) => earlier.includes(pid)).length, 1);
    });
    assert.ok((await burst('left', 30)).every((most) => most <= 2));
  });

  test('the limit holds and calls go on while the control plane restarts', async () => {
    process.kill(platform.processId('control-plane'), 'SIGKILL');
    const most = await burst('left', 60);
    assert.ok(
      most.every((count) => count <= 2),
      `${Math.max(...most)} at once`,
    );
  });
});
