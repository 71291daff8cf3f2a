import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually, functionManifest, type Platform, startPlatform } from './testing/platform.ts';

const echo = 'export default (input) => ({ ...input, pid: process.pid });';

async function pidOf(platform: Platform, name: string): Promise<number> {
  const answer = await platform.call(name, {});
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { readonly pid: number }).pid;
}

test('after kill -9 of everything in the middle of writes, up resumes with every acknowledged object', async () => {
  await using platform = await startPlatform();
  await platform.apply(functionManifest('echo', 'node', echo));
  await platform.kubectl('wait', '--for=condition=Ready', 'fn/echo', '--timeout=30s');
  const acknowledged: string[] = [];
  const crashed = new AbortController();
  const writing = (async () => {
    for (let i = 0; !crashed.signal.aborted; i += 1) {
      const { code } = await platform.tryKubectl(
        'create',
        'configmap',
        `kept-${i}`,
        `--from-literal=i=${i}`,
      );
      if (code === 0) acknowledged.push(`configmap/kept-${i}`);
    }
  })();
  await eventually('some writes are acknowledged', () => assert.ok(acknowledged.length >= 5));
  crashed.abort();
  await platform.crash();
  await writing;

  await platform.start();
  const present = (await platform.kubectl('get', 'configmaps', '-o', 'name')).split('\n');
  assert.deepEqual(
    acknowledged.filter((name) => !present.includes(name)),
    [],
  );
  assert.equal((await platform.call('echo', { again: true })).status, 200);
  await platform.kubectl(
    'wait',
    '--for=condition=Ready',
    'pods',
    '-l',
    'nought.dev/function=echo',
    '--timeout=30s',
  );
  // One pod, one function server: neither a second copy nor a stray of the first life.
  const pid = await pidOf(platform, 'echo');
  await eventually('one pod is left', async () => {
    const selected = ['-l', 'nought.dev/function=echo', '-o', 'name'];
    const pods = (await platform.kubectl('get', 'pods', ...selected)).trim().split('\n');
    assert.equal(pods.length, 1);
    assert.equal(await pidOf(platform, 'echo'), pid);
  });
  await platform.stop();
  assert.deepEqual(platform.podProcesses(), []);
});

for (const entry of ['control-plane', 'gateway', 'node-agent']) {
  test(`kill -9 of the ${entry} is survived by the others, and it is started again`, async () => {
    await using platform = await startPlatform();
    await platform.apply(functionManifest('echo', 'node', echo));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/echo', '--timeout=30s');
    const pid = await pidOf(platform, 'echo');
    const victim = platform.processId(entry);
    process.kill(victim, 'SIGKILL');
    if (entry !== 'gateway')
      assert.equal(await pidOf(platform, 'echo'), pid, 'calls go on meanwhile');
    await eventually('it runs again', () => assert.notEqual(platform.processId(entry), victim));
    await eventually('the same pod answers', async () =>
      assert.equal(await pidOf(platform, 'echo'), pid),
    );
    await eventually('the API server answers', () => platform.kubectl('get', '--raw', '/readyz'));
    await platform.apply(functionManifest('later', 'node', echo));
    await platform.kubectl('wait', '--for=condition=Ready', 'fn/later', '--timeout=60s');
    assert.equal((await platform.call('later', {})).status, 200);
  });
}

test('up that is stopped while it starts after a crash leaves no pod of the life before', async () => {
  await using platform = await startPlatform();
  await platform.apply(functionManifest('echo', 'node', echo));
  await platform.kubectl('wait', '--for=condition=Ready', 'fn/echo', '--timeout=30s');
  // From the first moment to one when all processes are at work.
  for (const stopAt of ['control-plane.json', 'control-plane.log', 'kubeconfig']) {
    await platform.crash();
    assert.notDeepEqual(platform.podProcesses(), []);
    const started = Date.now();
    const child = platform.spawnUp();
    await eventually(`${stopAt} is written`, () => assert.ok(platform.wroteSince(stopAt, started)));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
    assert.deepEqual(platform.podProcesses(), []);
    await platform.start();
    assert.equal((await platform.call('echo', {})).status, 200);
  }
});

test('kill -9 of the supervisor alone leaves nothing running', async () => {
  await using platform = await startPlatform();
  await platform.apply(functionManifest('echo', 'node', echo));
  await platform.kubectl('wait', '--for=condition=Ready', 'fn/echo', '--timeout=30s');
  const agent = platform.processId('node-agent');
  process.kill(platform.endpoints.pid, 'SIGKILL');
  await eventually('all processes have ended', () => {
    assert.deepEqual(platform.podProcesses(), []);
    assert.throws(() => process.kill(agent, 0));
  });
  await platform.start();
  assert.equal((await platform.call('echo', {})).status, 200);
});
