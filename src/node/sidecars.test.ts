import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Container } from '../api/index.ts';
import { AgentUnderTest, conditionOf, containerOf, shell } from './testing/agent-under-test.ts';
import { eventually } from './testing/eventually.ts';

function named(name: string, script: string, more: Partial<Container> = {}): Container {
  return shell(script, { name, ...more });
}
function sidecar(name: string, script: string, more: Partial<Container> = {}): Container {
  return named(name, script, { restartPolicy: 'Always', ...more });
}
const sleeps = 'trap "exit 0" TERM; while :; do sleep 0.02; done';

describe('init containers and sidecars of a pod', () => {
  let agent: AgentUnderTest;
  let dir: string;
  before(async () => {
    agent = await AgentUnderTest.open();
    dir = agent.shared;
  });
  after(() => agent[Symbol.asyncDispose]());

  const say = (file: string, word: string): string => `echo ${word} >> ${dir}/${file}`;
  /** Says its name at its start and, in lower case, at its end. */
  const says = (file: string, name: string): string =>
    `trap '${say(file, `-${name}`)}; exit 0' TERM; ${say(file, `+${name}`)}; while :; do sleep 0.02; done`;
  /** Succeeds when a word is in the file. */
  const saw = (file: string, word: string): Record<string, unknown> => ({
    exec: { command: ['/bin/sh', '-c', `grep -q -e ${word} ${dir}/${file}`] },
    periodSeconds: 1,
    timeoutSeconds: 10,
    failureThreshold: 100,
  });

  it('sidecars start in order before the rest and end after it, the last one first', async () => {
    const up = (name: string): Partial<Container> => ({ startupProbe: saw('order', `+${name}`) });
    agent.create('order', named('main', says('order', 'main'), up('main')), {
      terminationGracePeriodSeconds: 30,
      initContainers: [
        sidecar('a', says('order', 'a'), up('a')),
        named('init', say('order', 'init')),
        sidecar('b', says('order', 'b'), up('b')),
      ],
    });
    const found = await agent.status('order', (each) => conditionOf(each, 'Ready') === 'True');
    assert.equal(conditionOf(found, 'Initialized'), 'True');
    assert.equal(containerOf(found, 'a')?.ready, true);
    assert.equal(containerOf(found, 'init')?.state?.terminated?.exitCode, 0);
    assert.equal(agent.read('order'), '+a\ninit\n+b\n+main\n');
    agent.terminate('order', 30);
    await agent.gone('order');
    assert.equal(agent.read('order'), '+a\ninit\n+b\n+main\n-main\n-b\n-a\n');
  });

  it('the startup probe of a sidecar holds back what comes after it', async () => {
    agent.create('held', shell(sleeps), {
      initContainers: [sidecar('a', sleeps, { startupProbe: saw('go', 'now') })],
    });
    const held = await agent.status(
      'held',
      (each) => containerOf(each, 'a')?.state?.running !== undefined,
    );
    assert.equal(held.phase, 'Pending');
    assert.equal(conditionOf(held, 'Initialized'), 'False');
    assert.equal(containerOf(held)?.state?.waiting?.reason, 'PodInitializing');
    agent.write('go', 'now');
    await agent.status('held', (each) => conditionOf(each, 'Ready') === 'True');
  });

  it('a sidecar is started again whatever the policy, and an unready one makes the pod unready', async () => {
    agent.create('again', shell(sleeps), {
      restartPolicy: 'Never',
      initContainers: [
        sidecar('a', `[ -e ${dir}/once ] || { touch ${dir}/once; exit 0; }; ${sleeps}`, {
          readinessProbe: saw('ready', 'yes'),
        }),
      ],
    });
    const found = await agent.status(
      'again',
      (each) => containerOf(each, 'a')?.restartCount === 1 && each.phase === 'Running',
    );
    assert.equal(conditionOf(found, 'Ready'), 'False');
    assert.equal(conditionOf(found, 'Initialized'), 'True');
    agent.write('ready', 'yes');
    await agent.status('again', (each) => conditionOf(each, 'Ready') === 'True');
  });

  it('a pod is complete when all but its sidecars have ended; those end then', async () => {
    agent.create('job', shell(`while [ ! -e ${dir}/done ]; do sleep 0.02; done`), {
      restartPolicy: 'OnFailure',
      initContainers: [sidecar('a', says('job', 'a'))],
    });
    await agent.status('job', (each) => conditionOf(each, 'Ready') === 'True');
    await eventually('the sidecar runs', () => agent.read('job') === '+a\n');
    agent.write('done');
    const found = await agent.status('job', ({ phase }) => phase === 'Succeeded');
    assert.equal(agent.read('job'), '+a\n-a\n');
    assert.ok(containerOf(found, 'a')?.state?.terminated !== undefined);
    const initialized = found.conditions?.find(({ type }) => type === 'Initialized');
    assert.equal(initialized?.status, 'True');
    assert.equal(found.conditions?.find(({ type }) => type === 'Ready')?.reason, 'PodCompleted');
  });

  it('an init container that fails is run again, under Never the pod fails', async () => {
    const initContainers = [sidecar('a', sleeps), named('init', 'exit 7')];
    agent.create('never', shell(sleeps), { restartPolicy: 'Never', initContainers });
    const failed = await agent.status('never', ({ phase }) => phase === 'Failed');
    assert.equal(containerOf(failed, 'init')?.state?.terminated?.exitCode, 7);
    assert.ok(containerOf(failed, 'a')?.state?.terminated !== undefined);
    assert.equal(containerOf(failed)?.restartCount, 0);
    const once = `[ -e ${dir}/tried ] || { touch ${dir}/tried; exit 7; }`;
    agent.create('retry', shell(sleeps), {
      restartPolicy: 'OnFailure',
      initContainers: [named('init', once)],
    });
    const found = await agent.status('retry', (each) => conditionOf(each, 'Ready') === 'True');
    assert.equal(containerOf(found, 'init')?.restartCount, 1);
  });

  it('OnFailure: a container that failed is started again, one that ended well is not', async () => {
    const once = `[ -e ${dir}/failed ] || { touch ${dir}/failed; exit 1; }`;
    agent.create('onfailure', shell(once), { restartPolicy: 'OnFailure' });
    const found = await agent.status('onfailure', ({ phase }) => phase === 'Succeeded');
    assert.equal(containerOf(found)?.restartCount, 1);
    assert.equal(containerOf(found)?.lastState?.terminated?.exitCode, 1);
  });
});

describe('a pod as a whole', () => {
  let agent: AgentUnderTest;
  before(async () => {
    agent = await AgentUnderTest.open();
  });
  after(() => agent[Symbol.asyncDispose]());

  it('activeDeadlineSeconds: a pod that is not done by then has failed', async () => {
    agent.create('late', shell(sleeps), { activeDeadlineSeconds: 1 });
    const found = await agent.status('late', ({ phase }) => phase === 'Failed');
    assert.equal(found.reason, 'DeadlineExceeded');
    assert.equal(found.message, 'Pod was active on the node longer than the specified deadline');
    assert.equal(containerOf(found)?.state?.terminated?.exitCode, 0);
    assert.equal(containerOf(found)?.restartCount, 0);
    await agent.event(/^DeadlineExceeded: /);
    await agent.stop();
    await agent.start();
    assert.deepEqual(agent.pod('late')?.status, found);
  });

  it('activeDeadlineSeconds: does not harm a pod that is done', async () => {
    agent.create('quick', shell('exit 0'), { activeDeadlineSeconds: 1, restartPolicy: 'Never' });
    await agent.status('quick', ({ phase }) => phase === 'Succeeded');
  });

  it('readinessGates: the pod is ready when others say so too', async () => {
    agent.create('gate', shell(sleeps), {
      readinessGates: [{ conditionType: 'example.com/gate' }],
    });
    const held = await agent.status(
      'gate',
      (each) => conditionOf(each, 'ContainersReady') === 'True',
    );
    const ready = held.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(ready?.status, 'False');
    assert.equal(ready.reason, 'ReadinessGatesNotReady');
    agent.change('gate', (pod) => {
      const conditions = [
        ...(pod.status?.conditions ?? []),
        { type: 'example.com/gate', status: 'True' } as const,
      ];
      return { ...pod, status: { ...pod.status, conditions } };
    });
    const found = await agent.status('gate', (each) => conditionOf(each, 'Ready') === 'True');
    assert.equal(conditionOf(found, 'example.com/gate'), 'True');
  });
});
