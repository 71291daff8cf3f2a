import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HorizontalPodAutoscaler } from '../horizontal-pod-autoscaler.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { horizontalPodAutoscalerDescriptor as descriptor } from './horizontal-pod-autoscaler.ts';
import { syncPeriodMs } from './horizontal-pod-autoscaler-validation.ts';

const target = { apiVersion: 'nought.dev/v1', kind: 'Function', name: 'f' };
const spec = { scaleTargetRef: target, maxReplicas: 5 };
const cpu = (wanted: object): object => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', ...wanted } },
});

function make(
  more: object = {},
  metadata: object = {},
  status: object = {},
): HorizontalPodAutoscaler {
  const object = created(
    descriptor,
    objectOf(descriptor, { spec: { ...spec, ...more } }, metadata),
  );
  return { ...object, status: { desiredReplicas: 0, ...status } } as HorizontalPodAutoscaler;
}

test('horizontalPodAutoscalerDescriptor has upstream’s defaults', () => {
  const plain = make().spec;
  assert.deepEqual(plain, {
    ...spec,
    minReplicas: 1,
    metrics: [cpu({ averageUtilization: 80 })],
  });
  const window = { behavior: { scaleDown: { stabilizationWindowSeconds: 5 } } };
  assert.deepEqual(make(window).spec.behavior, {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: 5,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    },
  });
});

const period = (text: string): object => ({ annotations: { 'nought.dev/sync-period': text } });
const wrongPeriod = (text: string): string =>
  `metadata.annotations[nought.dev/sync-period]: Invalid value: "${text}": must be a duration from 1s to 24h, such as 30s`;
const scaleUp = (rules: object): object => ({ behavior: { scaleUp: rules } });

const refusals: readonly (readonly [object, object, string])[] = [
  [
    { minReplicas: 0 },
    {},
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
  ],
  [
    { maxReplicas: 0, minReplicas: undefined },
    {},
    'spec.maxReplicas: Invalid value: 0: must be greater than 0',
  ],
  [
    { minReplicas: 6 },
    {},
    'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
  ],
  [{ scaleTargetRef: { kind: '', name: 'f' } }, {}, 'spec.scaleTargetRef.kind: Required value'],
  [{}, period('0s'), wrongPeriod('0s')],
  [{}, period('-5s'), wrongPeriod('-5s')],
  [{}, period('soon'), wrongPeriod('soon')],
  [{}, period('999ms'), wrongPeriod('999ms')],
  [
    { metrics: [{ type: 'Weather' }] },
    {},
    'spec.metrics[0].type: Unsupported value: "Weather": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
  ],
  [
    { metrics: [{ type: 'Resource' }] },
    {},
    'spec.metrics[0].resource: Required value: must populate information for the given metric source',
  ],
  [
    { metrics: [cpu({})] },
    {},
    'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
  ],
  [
    { metrics: [cpu({ averageUtilization: 0 })] },
    {},
    'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
  ],
  [
    { metrics: [cpu({ averageUtilization: 5, averageValue: '1' })] },
    {},
    'spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
  ],
  [
    scaleUp({ stabilizationWindowSeconds: 3601 }),
    {},
    'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
  ],
  [
    scaleUp({ policies: [] }),
    {},
    'spec.behavior.scaleUp.policies: Required value: must specify at least one Policy',
  ],
  [
    scaleUp({ policies: [{ type: 'Pods', value: 0, periodSeconds: 1 }] }),
    {},
    'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
  ],
  [
    scaleUp({ selectPolicy: 'Some' }),
    {},
    'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min"',
  ],
  [
    scaleUp({ tolerance: '-1' }),
    {},
    'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater or equal to 0',
  ],
];

for (const [more, metadata, expected] of refusals) {
  test(`horizontalPodAutoscalerDescriptor says ${expected.slice(0, 90)}`, () => {
    assert.ok(
      problems(descriptor, make(more, metadata)).includes(expected),
      problems(descriptor, make(more, metadata)).join('\n'),
    );
  });
}

test('horizontalPodAutoscalerDescriptor shows what kubectl shows', () => {
  const memory = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } },
  };
  const metrics = [cpu({ averageUtilization: 50 }), memory, cpu({ averageUtilization: 60 })];
  const currentMetrics = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } },
  ];
  const object = make({ metrics }, {}, { currentReplicas: 3, currentMetrics });
  const cells = descriptor.columns.map(({ name, cell }) => [name, cell(object, 0)]);
  assert.deepEqual(Object.fromEntries(cells), {
    Name: 'a',
    Reference: 'Function/f',
    Targets: 'cpu: 12%/50%, memory: <unknown>/100Mi + 1 more...',
    MinPods: '1',
    MaxPods: 5,
    Replicas: 3,
    Age: '<unknown>',
  });
});

test('syncPeriodMs() takes durations from a second to a day, exactly', () => {
  assert.equal(syncPeriodMs('1s'), 1000);
  assert.equal(syncPeriodMs('1.5s'), 1500);
  assert.equal(syncPeriodMs('24h'), 86_400_000);
  for (const text of ['', '30', '25h', '1 s']) assert.equal(syncPeriodMs(text), undefined);
});
