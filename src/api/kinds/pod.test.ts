import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../object.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { podDescriptor } from './pod.ts';

interface Prepared extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

const container = { name: 'c', image: 'busybox:1' };
function pod(spec: object): Prepared {
  const object = objectOf(podDescriptor, { spec: { containers: [container], ...spec } });
  return created(podDescriptor, object) as Prepared;
}
function withContainer(members: object): Prepared {
  return pod({ containers: [{ ...container, ...members }] });
}
function first(prepared: Prepared): Readonly<Record<string, unknown>> {
  return (prepared.spec['containers'] as Readonly<Record<string, unknown>>[])[0] ?? {};
}

test('podDescriptor fills in what upstream fills in', () => {
  assert.deepEqual(pod({}).spec, {
    containers: [
      {
        ...container,
        imagePullPolicy: 'IfNotPresent',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  assert.deepEqual(pod({}).status, { phase: 'Pending', qosClass: 'BestEffort' });
});

test('podDescriptor chooses imagePullPolicy by the tag', () => {
  const policies = ['a', 'a:latest', 'a:1', 'host:5000/a', 'host:5000/a:1', 'a@sha256:0'].map(
    (image) => first(withContainer({ image }))['imagePullPolicy'],
  );
  assert.deepEqual(policies, [
    'Always',
    'Always',
    'IfNotPresent',
    'Always',
    'IfNotPresent',
    'IfNotPresent',
  ]);
});

test('podDescriptor fills in ports, probes, field references and volumes', () => {
  const prepared = pod({
    containers: [
      {
        ...container,
        ports: [{ containerPort: 80 }],
        readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 },
        env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      },
    ],
    volumes: [{ name: 'v' }, { name: 'c', configMap: { name: 'c' } }],
  });
  assert.deepEqual(first(prepared)['ports'], [{ containerPort: 80, protocol: 'TCP' }]);
  assert.deepEqual(first(prepared)['readinessProbe'], {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(first(prepared)['env'], [
    { name: 'IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
  ]);
  assert.deepEqual(prepared.spec['volumes'], [
    { name: 'v', emptyDir: {} },
    { name: 'c', configMap: { name: 'c', defaultMode: 420 } },
  ]);
});

test('podDescriptor takes requests from limits, and the QoS class from both', () => {
  const guaranteed = withContainer({ resources: { limits: { cpu: '1', memory: '1Gi' } } });
  assert.deepEqual(first(guaranteed)['resources'], {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '1', memory: '1Gi' },
  });
  assert.equal(guaranteed.status['qosClass'], 'Guaranteed');
  const burstable = withContainer({ resources: { requests: { cpu: '1' } } });
  assert.equal(burstable.status['qosClass'], 'Burstable');
});

test('podDescriptor writes quantities in their canonical form', () => {
  const { resources }: Readonly<Record<string, unknown>> = first(
    withContainer({ resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }),
  );
  const quantities = { cpu: '500m', memory: '1Gi' };
  assert.deepEqual(resources, { limits: quantities, requests: quantities });
});

test('podDescriptor takes a second preparation as it is', () => {
  const once = pod({ volumes: [{ name: 'v' }] });
  assert.deepEqual(podDescriptor.hooks.prepareForUpdate?.(once, once), once);
});

test('podDescriptor lets an object of the wrong types through to be named', () => {
  const odd = objectOf(podDescriptor, { spec: { containers: 'none' } });
  assert.equal(podDescriptor.hooks.prepareForCreate?.(odd), odd);
});

const rows: readonly (readonly [object, string])[] = [
  [{ containers: [] }, 'spec.containers: Required value'],
  [{ containers: [{ image: 'a' }] }, 'spec.containers[0].name: Required value'],
  [{ containers: [{ name: 'c' }] }, 'spec.containers[0].image: Required value'],
  [{ containers: [container, container] }, 'spec.containers[1].name: Duplicate value: "c"'],
  [
    { containers: [{ ...container, ports: [{ containerPort: 70_000 }] }] },
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    {
      containers: [
        {
          ...container,
          ports: [
            { name: 'a', containerPort: 1 },
            { name: 'a', containerPort: 2 },
          ],
        },
      ],
    },
    'spec.containers[0].ports[1].name: Duplicate value: "a"',
  ],
  [
    { containers: [{ ...container, env: [{ name: 'a=b', value: 'x' }] }] },
    'spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
  ],
  [
    {
      containers: [
        {
          ...container,
          env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        },
      ],
    },
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  ],
  [
    { containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    { containers: [{ ...container, resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }] },
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  [
    { containers: [{ ...container, livenessProbe: {} }] },
    'spec.containers[0].livenessProbe: Required value: must specify a handler type',
  ],
  [
    {
      containers: [{ ...container, livenessProbe: { httpGet: { port: 1 }, successThreshold: 2 } }],
    },
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
  ],
  [
    { restartPolicy: 'Sometimes' },
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ],
  [{ volumes: [{ name: 'v' }, { name: 'v' }] }, 'spec.volumes[1].name: Duplicate value: "v"'],
  [
    { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] },
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  ],
  [{ volumes: [{ name: 'v', secret: {} }] }, 'spec.volumes[0].secret.secretName: Required value'],
  [
    { volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '../up' }] } }] },
    'spec.volumes[0].configMap.items[0].path: Invalid value: "../up": must not contain \'..\'',
  ],
  [
    { activeDeadlineSeconds: 0 },
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  ],
];

for (const [spec, expected] of rows) {
  test(`podDescriptor says ${expected.slice(0, 90)}`, () => {
    assert.deepEqual(problems(podDescriptor, pod(spec)), [expected]);
  });
}

test('podDescriptor lets an update change images and give a pod its node', () => {
  const old = pod({});
  const other = pod({ containers: [{ ...container, image: 'busybox:2' }], nodeName: 'node-1' });
  assert.deepEqual(problems(podDescriptor, other, old), []);
});

test('podDescriptor lets an update change nothing else of the spec', () => {
  const old = pod({ nodeName: 'node-1' });
  for (const spec of [
    { nodeName: 'node-2' },
    { nodeName: 'node-1', hostname: 'x' },
    { nodeName: 'node-1', containers: [{ ...container, args: ['x'] }] },
  ]) {
    assert.match(
      problems(podDescriptor, pod(spec), old)[0] ?? '',
      /^spec: Forbidden: pod updates may not change fields other than/,
    );
  }
  const more = pod({ nodeName: 'node-1', containers: [container, { ...container, name: 'd' }] });
  assert.deepEqual(problems(podDescriptor, more, old), [
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});
