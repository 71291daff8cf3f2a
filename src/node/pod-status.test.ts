import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '../api/index.ts';
import { type ContainerView, podStatus, type PodView } from './pod-status.ts';

const ended = (exitCode: number): ContainerView['current'] => ({
  id: 'process://1',
  startedAt: 1000,
  exit: {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    message: undefined,
    finishedAt: 2000,
  },
});
const running: ContainerView['current'] = { id: 'process://1', startedAt: 1000, exit: undefined };
const backOff = { reason: 'CrashLoopBackOff', message: 'back-off' };

function container(more: Partial<ContainerView>): ContainerView {
  return {
    container: { name: 'main', image: 'any' },
    restartCount: 0,
    current: undefined,
    previous: undefined,
    waiting: undefined,
    ready: false,
    started: true,
    sidecar: false,
    ...more,
  };
}

function view(policy: NonNullable<PodSpec['restartPolicy']>, more: Partial<PodView>): PodView {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [], restartPolicy: policy },
  };
  const times = { startTime: 0, now: 10_000 };
  return {
    pod,
    init: [],
    main: [],
    podIP: '127.1.2.3',
    hostIP: '127.0.0.1',
    final: false,
    failure: undefined,
    ...times,
    ...more,
  };
}

describe('podStatus()', () => {
  const good = container({ current: ended(0) });
  const bad = container({ current: ended(1) });
  const up = container({ current: running, ready: true });
  const failure = { reason: 'DeadlineExceeded', message: 'late' };
  const car = (more: Partial<ContainerView>): ContainerView =>
    container({ current: running, ready: true, sidecar: true, ...more });
  for (const [what, phase, policy, parts] of [
    ['nothing started', 'Pending', 'Always', { main: [container({})] }],
    ['one of two started', 'Pending', 'Always', { main: [up, container({})] }],
    ['all run', 'Running', 'Always', { main: [up, up] }],
    ['one runs, one failed', 'Running', 'Never', { main: [up, bad] }],
    [
      'crashing',
      'Running',
      'Always',
      { main: [container({ current: ended(1), waiting: backOff })] },
    ],
    ['ended well, Always', 'Running', 'Always', { main: [good] }],
    ['ended well, Never', 'Succeeded', 'Never', { main: [good, good] }],
    ['ended well, OnFailure', 'Succeeded', 'OnFailure', { main: [good] }],
    ['one failed, Never', 'Failed', 'Never', { main: [good, bad] }],
    ['one failed, OnFailure', 'Running', 'OnFailure', { main: [good, bad] }],
    ['terminated well', 'Succeeded', 'Always', { main: [good], final: true }],
    ['terminated with failure', 'Failed', 'Always', { main: [bad], final: true }],
    ['init runs', 'Pending', 'Always', { init: [up], main: [container({})] }],
    ['init failed, Never', 'Failed', 'Never', { init: [bad], main: [container({})] }],
    ['init failed, Always', 'Pending', 'Always', { init: [bad], main: [container({})] }],
    [
      'a sidecar starts',
      'Pending',
      'Always',
      { init: [car({ started: false })], main: [container({})] },
    ],
    [
      'a sidecar crashes later',
      'Running',
      'Always',
      { init: [car({ current: ended(1), started: false })], main: [up] },
    ],
    ['all ended, sidecar runs', 'Running', 'Never', { init: [car({})], main: [good] }],
    [
      'all ended, sidecar killed',
      'Succeeded',
      'Never',
      { init: [car({ current: ended(137) })], main: [good] },
    ],
    [
      'init failed, sidecar runs',
      'Pending',
      'Never',
      { init: [car({}), bad], main: [container({})] },
    ],
    ['deadline over, one runs', 'Running', 'Always', { main: [up, bad], failure }],
    ['deadline over, all ended', 'Failed', 'Always', { main: [good], failure }],
  ] as const) {
    it(`is ${phase} when: ${what}`, () => {
      assert.equal(podStatus(view(policy, parts)).phase, phase);
    });
  }

  it('shows the last end beside the wait for the next start', () => {
    const { containerStatuses } = podStatus(
      view('Always', {
        main: [container({ current: ended(3), waiting: backOff, restartCount: 2 })],
      }),
    );
    assert.deepEqual(containerStatuses?.[0]?.state, { waiting: backOff });
    assert.equal(containerStatuses[0].lastState?.terminated?.exitCode, 3);
    assert.equal(containerStatuses[0].restartCount, 2);
  });

  it('keeps times of conditions that did not change, and conditions of others', () => {
    const before = view('Always', { main: [up] });
    const conditions = [
      { type: 'Ready', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' },
      { type: 'ContainersReady', status: 'False', lastTransitionTime: '2020-01-01T00:00:00Z' },
      { type: 'example.com/gate', status: 'True' },
    ] as const;
    const pod = { ...before.pod, status: { conditions } };
    const found = new Map(
      podStatus({ ...before, pod }).conditions?.map((each) => [each.type, each]),
    );
    assert.equal(found.get('Ready')?.lastTransitionTime, '2020-01-01T00:00:00Z');
    assert.equal(found.get('ContainersReady')?.lastTransitionTime, '1970-01-01T00:00:10Z');
    assert.equal(found.get('example.com/gate')?.status, 'True');
  });

  it('says which containers are not ready', () => {
    const { conditions } = podStatus(view('Always', { main: [container({ current: running })] }));
    const ready = conditions?.find((each) => each.type === 'Ready');
    assert.equal(ready?.reason, 'ContainersNotReady');
    assert.equal(ready.message, 'containers with unready status: [main]');
  });

  it('names the readiness gates that are not passed', () => {
    const { pod, ...rest } = view('Always', { main: [up] });
    const readinessGates = [{ conditionType: 'a' }, { conditionType: 'b' }];
    const conditions = [{ type: 'b', status: 'False' }] as const;
    const gated = { ...pod, spec: { ...pod.spec, readinessGates }, status: { conditions } };
    const found = podStatus({ ...rest, pod: gated }).conditions;
    const ready = found?.find(({ type }) => type === 'Ready');
    assert.equal(ready?.reason, 'ReadinessGatesNotReady');
    assert.equal(
      ready.message,
      'corresponding condition of pod readiness gate "a" does not exist., ' +
        'the status of pod readiness gate "b" is not "True", but False',
    );
    assert.equal(found?.find(({ type }) => type === 'ContainersReady')?.status, 'True');
  });
});
