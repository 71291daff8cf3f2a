import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentUnderTest, conditionOf, containerOf, shell } from './testing/agent-under-test.ts';
import { eventually } from './testing/eventually.ts';

const sleeps = 'trap "exit 0" TERM; while :; do sleep 0.05; done';
const sh = (script: string): Record<string, unknown> => ({
  exec: { command: ['/bin/sh', '-c', script] },
});

describe('lifecycle hooks of a pod', () => {
  let agent: AgentUnderTest;
  let dir: string;
  before(async () => {
    agent = await AgentUnderTest.open();
    dir = agent.shared;
  });
  after(() => agent[Symbol.asyncDispose]());

  it('postStart: the container is not running before it has ended, and those after it wait', async () => {
    const wait = `while [ ! -e ${dir}/go ]; do sleep 0.02; done`;
    const postStart = sh(`${wait}; echo first >> ${dir}/order`);
    const first = shell(sleeps, { lifecycle: { postStart } });
    const second = shell(`echo second >> ${dir}/order; ${sleeps}`, { name: 'second' });
    agent.create('post', {}, { containers: [first, second] });
    await agent.event(/^Started: Started container main/);
    const held = await agent.status('post', (each) => containerOf(each) !== undefined);
    assert.equal(containerOf(held)?.state?.waiting?.reason, 'ContainerCreating');
    assert.equal(containerOf(held, 'second')?.state?.waiting?.reason, 'ContainerCreating');
    agent.write('go');
    await agent.status('post', (each) => conditionOf(each, 'Ready') === 'True');
    await eventually('both', () => agent.read('order') === 'first\nsecond\n');
  });

  it('postStart: a container whose hook fails is ended and started again', async () => {
    const lifecycle = { postStart: sh('exit 1') };
    agent.create('bad', shell(sleeps, { lifecycle }));
    await agent.event(/^FailedPostStartHook: PostStartHook failed/);
    const found = await agent.status('bad', (each) => (containerOf(each)?.restartCount ?? 0) > 0);
    assert.ok(containerOf(found)?.lastState?.terminated !== undefined);
    assert.equal(conditionOf(found, 'Ready'), 'False');
  });

  it('postStart: no server at the address of httpGet is a failure, any answer is not', async () => {
    const code = `require('node:http').createServer((q, s) => s.writeHead(500).end())
      .listen(8080, process.env.HOST)`;
    const lifecycle = { postStart: { httpGet: { port: 1 } } };
    agent.create('deaf', shell(sleeps, { lifecycle }));
    await agent.event(/^FailedPostStartHook/);
    agent.create('heard', {
      command: [process.execPath, '-e', code],
      env: [{ name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      readinessProbe: { tcpSocket: { port: 8080 } },
      lifecycle: { preStop: { httpGet: { port: 8080 } } },
    });
    await agent.status('heard', (each) => conditionOf(each, 'Ready') === 'True');
    agent.terminate('heard', 10);
    await agent.gone('heard');
    assert.ok(!agent.events().some((each) => each.startsWith('FailedPreStopHook')));
  });

  it('preStop: runs before the signal, once', async () => {
    const script = `trap 'echo signal >> ${dir}/end; exit 3' TERM; while :; do sleep 0.02; done`;
    const livenessProbe = {
      ...sh(`[ ! -e ${dir}/sick ]`),
      periodSeconds: 1,
      failureThreshold: 1,
      timeoutSeconds: 10,
    };
    const lifecycle = { preStop: sh(`echo hook >> ${dir}/end`) };
    agent.create('pre', shell(script, { lifecycle, livenessProbe }), {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 30,
    });
    await agent.status('pre', (each) => conditionOf(each, 'Ready') === 'True');
    agent.write('sick');
    const found = await agent.status('pre', ({ phase }) => phase === 'Failed');
    assert.equal(containerOf(found)?.state?.terminated?.exitCode, 3);
    assert.equal(agent.read('end'), 'hook\nsignal\n');
  });

  it('preStop: a pod tells that it is not ready any more while its hook runs', async () => {
    const readinessProbe = {
      ...sh(`[ ! -e ${dir}/draining ]`),
      periodSeconds: 1,
      timeoutSeconds: 10,
      failureThreshold: 1,
    };
    const wait = `touch ${dir}/draining; while [ ! -e ${dir}/drained ]; do sleep 0.02; done`;
    agent.create('drain', shell(sleeps, { lifecycle: { preStop: sh(wait) }, readinessProbe }));
    await agent.status('drain', (each) => conditionOf(each, 'Ready') === 'True');
    agent.terminate('drain', 60);
    const found = await agent.status('drain', (each) => conditionOf(each, 'Ready') === 'False');
    assert.equal(found.phase, 'Running');
    assert.ok(containerOf(found)?.state?.running !== undefined);
    agent.write('drained');
    await agent.gone('drain');
  });

  it('preStop: one that fails is told, one that hangs is cut off by the grace', async () => {
    agent.create('fails', shell(sleeps, { lifecycle: { preStop: sh('exit 1') } }));
    agent.create('hangs', shell(sleeps, { lifecycle: { preStop: { sleep: { seconds: 3600 } } } }));
    for (const name of ['fails', 'hangs']) {
      await agent.status(name, (each) => conditionOf(each, 'Ready') === 'True');
      agent.terminate(name, 1);
      await agent.gone(name);
    }
    await agent.event(/^FailedPreStopHook: PreStopHook failed/);
  });

  it('preStop: a later shorter grace cuts it off', async () => {
    agent.create('hurry', shell(sleeps, { lifecycle: { preStop: { sleep: { seconds: 3600 } } } }));
    await agent.status('hurry', (each) => conditionOf(each, 'Ready') === 'True');
    agent.terminate('hurry', 3600);
    await agent.event(/^Killing: Stopping container main/);
    agent.terminate('hurry', 1);
    await agent.gone('hurry');
  });
});
