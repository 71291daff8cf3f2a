import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectOf } from '../testing/prepare.ts';
import { podDescriptor } from './pod.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

/** Ready, Status and Restarts of a pod. */
function cells(spec: object, status: object, metadata: object = {}): readonly unknown[] {
  const pod = objectOf(podDescriptor, { spec, status }, metadata);
  return podDescriptor.columns.slice(1, 4).map((column) => column.cell(pod, now));
}

const one = { containers: [{ name: 'a' }] };
const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const running = { ready: true, restartCount: 0, state: { running: {} } };
const ended = (exitCode: number, more: object = {}): object => ({
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode, ...more } },
});
const ready = { type: 'Ready', status: 'True' };
const deleted = { deletionTimestamp: ago(1) };

const rows: readonly (readonly [string, object, object, readonly unknown[], object?])[] = [
  ['pending', one, { phase: 'Pending' }, ['0/1', 'Pending', '0']],
  ['running', one, { phase: 'Running', containerStatuses: [running] }, ['1/1', 'Running', '0']],
  ['evicted', one, { phase: 'Failed', reason: 'Evicted' }, ['0/1', 'Evicted', '0']],
  [
    'crash looping',
    one,
    {
      phase: 'Running',
      containerStatuses: [
        {
          ready: false,
          restartCount: 3,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: ago(5) } },
        },
      ],
    },
    ['0/1', 'CrashLoopBackOff', '3 (5s ago)'],
  ],
  [
    'completed',
    one,
    { phase: 'Succeeded', containerStatuses: [ended(0, { reason: 'Completed' })] },
    ['0/1', 'Completed', '0'],
  ],
  [
    'failed with a reason',
    one,
    { phase: 'Failed', containerStatuses: [ended(1, { reason: 'Error' })] },
    ['0/1', 'Error', '0'],
  ],
  ['failed without a reason', one, { containerStatuses: [ended(3)] }, ['0/1', 'ExitCode:3', '0']],
  [
    'killed by a signal',
    one,
    { containerStatuses: [ended(137, { signal: 9 })] },
    ['0/1', 'Signal:9', '0'],
  ],
  [
    'half completed and ready',
    two,
    {
      phase: 'Running',
      conditions: [ready],
      containerStatuses: [ended(0, { reason: 'Completed' }), running],
    },
    ['1/2', 'Running', '0'],
  ],
  [
    'half completed and not ready',
    two,
    { phase: 'Running', containerStatuses: [ended(0, { reason: 'Completed' }), running] },
    ['1/2', 'NotReady', '0'],
  ],
  [
    'initialising',
    { ...one, initContainers: [{ name: 'i' }, { name: 'j' }] },
    {
      phase: 'Pending',
      initContainerStatuses: [ended(0), { restartCount: 1, state: { running: {} } }],
    },
    ['0/1', 'Init:1/2', '1'],
  ],
  [
    'failing to initialise',
    { ...one, initContainers: [{ name: 'i' }] },
    {
      initContainerStatuses: [
        { restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      ],
    },
    ['0/1', 'Init:CrashLoopBackOff', '2'],
  ],
  [
    'ended while initialising',
    { ...one, initContainers: [{ name: 'i' }] },
    { initContainerStatuses: [ended(2)] },
    ['0/1', 'Init:ExitCode:2', '0'],
  ],
  [
    'running with a sidecar',
    { ...one, initContainers: [{ name: 's', restartPolicy: 'Always' }] },
    {
      phase: 'Running',
      initContainerStatuses: [{ ...running, name: 's', started: true, restartCount: 4 }],
      containerStatuses: [running],
    },
    ['2/2', 'Running', '4'],
  ],
  [
    'held back by a scheduling gate',
    one,
    {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    },
    ['0/1', 'SchedulingGated', '0'],
  ],
  [
    'being deleted',
    one,
    { phase: 'Running', containerStatuses: [running] },
    ['1/1', 'Terminating', '0'],
    deleted,
  ],
  ['deleted after it had ended', one, { phase: 'Failed' }, ['0/1', 'Failed', '0'], deleted],
  [
    'lost with its node',
    one,
    { phase: 'Running', reason: 'NodeLost' },
    ['0/1', 'Unknown', '0'],
    deleted,
  ],
];

for (const [what, spec, status, expected, metadata] of rows) {
  test(`podColumns show a pod that is ${what}`, () => {
    assert.deepEqual(cells(spec, status, metadata), expected);
  });
}

test('podColumns have the wide columns of kubectl', () => {
  const pod = objectOf(podDescriptor, {
    spec: { ...one, nodeName: 'node-1', readinessGates: [{ conditionType: 'x' }] },
    status: { podIP: '127.0.1.2' },
  });
  const wide = podDescriptor.columns.filter((column) => column.priority === 1);
  assert.deepEqual(
    wide.map((column) => [column.name, column.cell(pod, now)]),
    [
      ['IP', '127.0.1.2'],
      ['Node', 'node-1'],
      ['Nominated Node', '<none>'],
      ['Readiness Gates', '0/1'],
    ],
  );
});
