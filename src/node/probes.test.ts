import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AgentUnderTest, conditionOf, containerOf, shell } from './testing/agent-under-test.ts';

/** A probe by a file that is there. */
const fileThere = (path: string, more: object = {}): Record<string, unknown> => ({
  exec: { command: ['/bin/sh', '-c', `test -e ${path} || { echo no ${path}; exit 1; }`] },
  periodSeconds: 1,
  failureThreshold: 1,
  timeoutSeconds: 10,
  ...more,
});
const sleeps = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

describe('probes of a pod', () => {
  let agent: AgentUnderTest;
  let folder: string;
  before(async () => {
    agent = await AgentUnderTest.open();
    folder = await mkdtemp(join(tmpdir(), 'nought-probes-'));
    await chmod(folder, 0o755);
  });
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('livenessProbe: a container that fails it is ended and started again', async () => {
    const alive = join(folder, 'alive');
    await writeFile(alive, '');
    agent.create('live', shell(sleeps, { livenessProbe: fileThere(alive) }));
    await agent.status('live', (found) => conditionOf(found, 'Ready') === 'True');
    await rm(alive);
    const found = await agent.status('live', (each) => (containerOf(each)?.restartCount ?? 0) > 0);
    assert.equal(containerOf(found)?.lastState?.terminated?.exitCode, 0);
    await agent.event(/^Unhealthy: Liveness probe failed: no .*alive/);
    await agent.event(/^Killing: Container main failed liveness probe, will be restarted$/);
    await agent.status(
      'live',
      (each) => containerOf(each)?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
  });

  it('livenessProbe: terminationGracePeriodSeconds goes before that of the pod', async () => {
    const livenessProbe = fileThere(join(folder, 'none'), { terminationGracePeriodSeconds: 1 });
    const spec = { terminationGracePeriodSeconds: 3600, restartPolicy: 'Never' } as const;
    const deaf = 'trap "" TERM; while :; do sleep 0.05; done';
    agent.create('deaf', shell(deaf, { livenessProbe }), spec);
    const found = await agent.status('deaf', ({ phase }) => phase === 'Failed');
    assert.equal(containerOf(found)?.state?.terminated?.exitCode, 137);
    await agent.event(/^Killing: Container main failed liveness probe$/);
  });

  it('startupProbe: the others wait for it', async () => {
    const up = join(folder, 'up');
    agent.create(
      'start',
      shell(sleeps, {
        startupProbe: fileThere(up, { failureThreshold: 1000 }),
        livenessProbe: fileThere(up),
      }),
    );
    await agent.event(/^Unhealthy: Startup probe failed: no .*up/);
    const held = await agent.status('start', ({ phase }) => phase === 'Running');
    assert.equal(containerOf(held)?.started, false);
    assert.equal(conditionOf(held, 'Ready'), 'False');
    await writeFile(up, '');
    const found = await agent.status('start', (each) => conditionOf(each, 'Ready') === 'True');
    assert.equal(containerOf(found)?.started, true);
    assert.equal(containerOf(found)?.restartCount, 0);
  });

  it('startupProbe: a container that fails it is started again', async () => {
    agent.create('slow', shell(sleeps, { startupProbe: fileThere(join(folder, 'never')) }));
    await agent.status('slow', (each) => (containerOf(each)?.restartCount ?? 0) > 0);
    await agent.event(/^Killing: Container main failed startup probe, will be restarted$/);
  });

  it('readinessProbe: a container becomes unready and is left alone', async () => {
    const ready = join(folder, 'ready');
    await writeFile(ready, '');
    agent.create('ready', shell(sleeps, { readinessProbe: fileThere(ready) }));
    await agent.status('ready', (found) => conditionOf(found, 'Ready') === 'True');
    await rm(ready);
    const found = await agent.status('ready', (each) => conditionOf(each, 'Ready') === 'False');
    assert.equal(containerOf(found)?.restartCount, 0);
    assert.equal(containerOf(found)?.started, true);
    await agent.event(/^Unhealthy: Readiness probe failed: no .*ready/);
  });

  it('exec: a command runs as the container does, and one that hangs is ended', async () => {
    const as = '[ "$WHO" = me ] && [ "$(id -u)" = "$(cat $DIR/uid)" ]';
    agent.create(
      'as',
      shell(`id -u > $DIR/uid; ${sleeps}`, {
        env: [
          { name: 'WHO', value: 'me' },
          { name: 'DIR', value: '/share' },
        ],
        volumeMounts: [{ name: 'share', mountPath: '/share' }],
        readinessProbe: { exec: { command: ['/bin/sh', '-c', as] }, timeoutSeconds: 10 },
      }),
      { volumes: [{ name: 'share', emptyDir: {} }] },
    );
    await agent.status('as', (found) => conditionOf(found, 'Ready') === 'True');
    const command = ['/bin/sh', '-c', 'sleep 600'];
    const readinessProbe = { exec: { command }, timeoutSeconds: 1, periodSeconds: 1 };
    agent.create('hang', shell(sleeps, { readinessProbe }));
    await agent.event(/^Unhealthy: Readiness probe failed: command timed out: ".*sleep 600"/);
  });

  it('an agent that adopts a pod knows what its probes had found', async () => {
    const [up, ready] = [join(folder, 'up2'), join(folder, 'ready2')];
    await Promise.all([writeFile(up, ''), writeFile(ready, '')]);
    await agent.stop();
    await agent.start(false);
    agent.create(
      'adopt',
      shell(sleeps, { startupProbe: fileThere(up), readinessProbe: fileThere(ready) }),
    );
    await agent.status('adopt', (found) => conditionOf(found, 'Ready') === 'True');
    await agent.stop();
    await rm(up);
    await agent.start();
    await rm(ready);
    const found = await agent.status('adopt', (each) => conditionOf(each, 'Ready') === 'False');
    assert.equal(containerOf(found)?.started, true);
    assert.equal(containerOf(found)?.restartCount, 0);
  });
});
