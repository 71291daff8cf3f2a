import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodMetrics } from '../../api/index.ts';
import { type Measured, readMetric } from './metric-readings.ts';

const now = Date.parse('2026-01-01T10:00:00Z');
const old = '2026-01-01T00:00:00Z';

/** A pod with a main container and a sidecar, and what they ask for. */
function pod(name: string, main = '200m', sidecar = '50m'): Pod {
  const container = (which: string, cpu: string): Pod['spec']['containers'][number] => ({
    name: which,
    image: 'i',
    resources: { requests: { cpu, memory: '10Mi' } },
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [container('main', main), container('sidecar', sidecar)] },
    status: {
      phase: 'Running',
      startTime: old,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: old }],
    },
  };
}

function metricsOf(name: string, main: string, sidecar: string): PodMetrics {
  return {
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: 'PodMetrics',
    metadata: { name, namespace: 'default' },
    timestamp: '2026-01-01T10:00:00Z',
    window: '15s',
    containers: [
      { name: 'main', usage: { cpu: main, memory: '20480Ki' } },
      { name: 'sidecar', usage: { cpu: sidecar, memory: '10240Ki' } },
    ],
  };
}

const measured: Measured = {
  pods: [pod('a'), pod('b')],
  metrics: [metricsOf('a', '200m', '0'), metricsOf('b', '299999999n', '1n')],
  behavior: undefined,
  currentReplicas: 2,
  now,
};
const half = { type: 'Utilization', averageUtilization: 50 };

test('readMetric() measures a resource of whole pods against their requests', () => {
  const reading = readMetric(
    { type: 'Resource', resource: { name: 'cpu', target: half } },
    measured,
  );
  assert.deepEqual(reading, {
    result: {
      kind: 'proposal',
      name: 'cpu resource utilization (percentage of request)',
      replicas: 4,
    },
    status: {
      type: 'Resource',
      resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '250m' } },
    },
  });
});

test('readMetric() measures a resource of one container, whatever the others use', () => {
  const containerResource = { name: 'cpu', container: 'sidecar', target: half };
  const reading = readMetric({ type: 'ContainerResource', containerResource }, measured);
  assert.deepEqual(reading.result, {
    kind: 'proposal',
    name: 'cpu container resource utilization (percentage of request)',
    replicas: 0,
  });
});

test('readMetric() measures a resource against a value', () => {
  const target = { type: 'AverageValue', averageValue: '20Mi' };
  const reading = readMetric({ type: 'Resource', resource: { name: 'memory', target } }, measured);
  assert.deepEqual(reading, {
    result: { kind: 'proposal', name: 'memory resource', replicas: 3 },
    status: {
      type: 'Resource',
      resource: { name: 'memory', current: { averageValue: '31457280' } },
    },
  });
});

test('readMetric() takes the tolerance of the behavior', () => {
  const behavior = { scaleUp: { tolerance: '2' } };
  const spec = { type: 'Resource', resource: { name: 'cpu', target: half } };
  const { result } = readMetric(spec, { ...measured, behavior });
  assert.deepEqual(result.kind === 'proposal' && result.replicas, 2);
});

const problems: readonly (readonly [string, Parameters<typeof readMetric>, string, RegExp])[] = [
  [
    'there are no metrics',
    [
      { type: 'Resource', resource: { name: 'cpu', target: half } },
      { ...measured, metrics: { problem: 'down' } },
    ],
    'FailedGetResourceMetric',
    /^failed to get cpu utilization: unable to get metrics for resource cpu: down$/,
  ],
  [
    'pods do not tell of a resource',
    [
      {
        type: 'ContainerResource',
        containerResource: { name: 'gpu', container: 'main', target: half },
      },
      measured,
    ],
    'FailedGetContainerResourceMetric',
    /^failed to get gpu utilization: no metrics returned from resource metrics API$/,
  ],
  [
    'no API has such metrics',
    [{ type: 'Pods' }, measured],
    'FailedGetPodsMetric',
    /^metrics of type Pods/,
  ],
  [
    'the type is unknown',
    [{ type: 'Odd' }, measured],
    'InvalidMetricSourceType',
    /^metrics of type Odd/,
  ],
];

for (const [what, args, reason, message] of problems) {
  test(`readMetric() says that ${what}`, () => {
    const { result, status } = readMetric(...args);
    assert.ok(result.kind === 'invalid');
    assert.equal(result.reason, reason);
    assert.match(result.message, message);
    assert.equal(status, undefined);
  });
}
