import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { builtinDescriptors } from './builtin-descriptors.ts';

const now = Date.parse('2026-01-01T00:10:00Z');

function kind(name: string): ResourceDescriptor {
  const found = builtinDescriptors.find((one) => one.kind === name);
  assert.ok(found, `no descriptor of ${name}`);
  return found;
}

function make(name: string, members: object, metadata: object = {}): KubeObject {
  return created(kind(name), objectOf(kind(name), members, metadata));
}

/** Cells by the names of their columns. */
function cells(name: string, members: object, metadata: object = {}): Record<string, unknown> {
  const descriptor = kind(name);
  const object = objectOf(descriptor, members, metadata);
  return Object.fromEntries(
    descriptor.columns.map((column) => [column.name, column.cell(object, now)]),
  );
}

test('builtinDescriptors have the names that kubectl users type', () => {
  const names = builtinDescriptors.map(({ plural, shortNames, categories }) =>
    [plural, ...shortNames, ...categories].join(' '),
  );
  assert.deepEqual(names, [
    'configmaps cm',
    'events ev',
    'namespaces ns',
    'nodes no',
    'pods po all',
    'secrets',
    'serviceaccounts sa',
    'replicasets rs all',
    'horizontalpodautoscalers hpa all',
    'leases',
    'customresourcedefinitions crd crds api-extensions',
  ]);
});

test('builtinDescriptors take an object of each kind with nothing but a name', () => {
  const spec: Readonly<Record<string, object>> = {
    Pod: { spec: { containers: [{ name: 'a', image: 'a' }] } },
    ReplicaSet: {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: {
          metadata: { labels: { a: 'b' } },
          spec: { containers: [{ name: 'a', image: 'a' }] },
        },
      },
    },
    Event: { involvedObject: { namespace: 'n' } },
    HorizontalPodAutoscaler: { spec: { scaleTargetRef: { kind: 'A', name: 'a' }, maxReplicas: 2 } },
  };
  for (const descriptor of builtinDescriptors) {
    if (descriptor.kind === 'CustomResourceDefinition') continue;
    const object = make(descriptor.kind, spec[descriptor.kind] ?? {});
    assert.deepEqual(problems(descriptor, object), [], descriptor.kind);
    for (const column of descriptor.columns) column.cell(object, now);
    for (const label of Object.values(descriptor.fieldLabels)) {
      assert.equal(typeof label(object), 'string');
    }
    assert.deepEqual(descriptor.hooks.prepareForUpdate?.(object, object) ?? object, object);
  }
});

test('namespaceDescriptor gives a namespace its finalizer, phase and label', () => {
  const namespace = make('Namespace', {});
  assert.deepEqual(namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const emptied = { ...namespace, spec: {} };
  assert.deepEqual(kind('Namespace').hooks.prepareForUpdate?.(emptied, namespace), namespace);
});

test('namespaceDescriptor refuses a name with dots', () => {
  const namespace = make('Namespace', {}, { name: 'a.b' });
  assert.deepEqual(problems(kind('Namespace'), namespace), [
    'metadata.name: Invalid value: "a.b": must not contain dots',
  ]);
});

test('secretDescriptor folds stringData into data and is Opaque unless said otherwise', () => {
  const { data, stringData, type } = make('Secret', {
    data: { a: 'YQ==', b: 'Yg==' },
    stringData: { b: 'other' },
  }) as KubeObject & Record<string, unknown>;
  assert.deepEqual([data, stringData, type], [{ a: 'YQ==', b: 'b3RoZXI=' }, undefined, 'Opaque']);
});

const big = 'x'.repeat(1024 * 1024 + 4);
const invalid: readonly (readonly [string, object, string])[] = [
  [
    'ConfigMap',
    { data: { 'a b': '' } },
    'data[a b]: Invalid value: "a b": a valid config key must consist',
  ],
  [
    'ConfigMap',
    { data: { a: '' }, binaryData: { a: '' } },
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ],
  ['ConfigMap', { data: { a: big } }, ': Too long: may not be more than 1048576 bytes'],
  ['Secret', { stringData: { a: big } }, 'data: Too long: may not be more than 1048576 bytes'],
  ['Secret', { type: 'kubernetes.io/tls' }, 'data[tls.crt]: Required value'],
  [
    'Secret',
    { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{' } },
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"',
  ],
  [
    'Secret',
    { type: 'kubernetes.io/service-account-token' },
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ],
  [
    'Event',
    { involvedObject: { namespace: 'other' } },
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ],
  [
    'Lease',
    { spec: { leaseDurationSeconds: 0 } },
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ],
  [
    'Node',
    { spec: { taints: [{ key: 'a', effect: 'Nope' }] } },
    'spec.taints[0].effect: Unsupported value: "Nope"',
  ],
];

for (const [name, members, expected] of invalid) {
  test(`builtinDescriptors refuse a ${name}: ${expected.slice(0, 60)}`, () => {
    const [first = ''] = problems(kind(name), make(name, members));
    assert.equal(first.slice(0, expected.length), expected);
  });
}

test('configMapDescriptor and secretDescriptor keep what is immutable', () => {
  for (const name of ['ConfigMap', 'Secret']) {
    const old = make(name, { data: { a: 'YQ==' }, immutable: true });
    const changed = make(name, { data: { a: 'Yg==' } });
    assert.deepEqual(problems(kind(name), changed, old), [
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    assert.deepEqual(
      problems(kind(name), { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }, old),
      [],
    );
  }
});

const template = {
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'a', image: 'a' }] },
};
const selector = { matchLabels: { app: 'a' } };

test('replicaSetDescriptor has one replica and the labels of its template by default', () => {
  const set = make('ReplicaSet', { spec: { selector, template } }) as KubeObject & {
    readonly spec: { readonly replicas: number; readonly template: typeof template };
  };
  assert.equal(set.spec.replicas, 1);
  assert.deepEqual(set.metadata.labels, { app: 'a' });
  assert.equal('enableServiceLinks' in set.spec.template.spec, false);
});

const sets: readonly (readonly [object, string])[] = [
  [{ template }, 'spec.selector: Required value'],
  [
    { selector: {}, template },
    'spec.selector: Invalid value: {}: empty selector is invalid for replicaset',
  ],
  [
    { selector: { matchLabels: { app: 'b' } }, template },
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
  ],
  [
    { selector: { matchExpressions: [{ key: 'app', operator: 'Near' }] }, template },
    'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
  ],
  [
    { selector, template, replicas: -1 },
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    { selector, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    { selector, template: { ...template, spec: { containers: [{ name: 'a' }] } } },
    'spec.template.spec.containers[0].image: Required value',
  ],
];

for (const [spec, expected] of sets) {
  test(`replicaSetDescriptor says ${expected.slice(0, 80)}`, () => {
    assert.deepEqual(problems(kind('ReplicaSet'), make('ReplicaSet', { spec })), [expected]);
  });
}

test('replicaSetDescriptor never changes its selector', () => {
  const old = make('ReplicaSet', { spec: { selector, template } });
  const wider = { metadata: { labels: { app: 'a', b: 'c' } }, spec: template.spec };
  const other = make('ReplicaSet', {
    spec: { selector: { matchLabels: { b: 'c' } }, template: wider },
  });
  assert.deepEqual(problems(kind('ReplicaSet'), other, old), [
    'spec.selector: Invalid value: {"matchLabels":{"b":"c"}}: field is immutable',
  ]);
});

test('nodeDescriptor shows status, roles, version and addresses', () => {
  const node = cells(
    'Node',
    {
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1', osImage: 'Debian' },
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      },
    },
    {
      labels: { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'edge' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  );
  assert.deepEqual(node, {
    Name: 'a',
    Status: 'Ready,SchedulingDisabled',
    Roles: 'edge,worker',
    Age: '10m',
    Version: 'v1',
    'Internal-IP': '127.0.0.1',
    'External-IP': '<none>',
    'OS-Image': 'Debian',
    'Kernel-Version': '<unknown>',
    'Container-Runtime': '<unknown>',
  });
});

test('eventDescriptor shows when, what and about whom', () => {
  const event = cells('Event', {
    involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{a}' },
    type: 'Warning',
    reason: 'BackOff',
    message: 'Back-off \n',
    count: 4,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:09:30Z',
    source: { component: 'kubelet', host: 'node-1' },
  });
  assert.deepEqual(event, {
    'Last Seen': '30s',
    Type: 'Warning',
    Reason: 'BackOff',
    Object: 'pod/p',
    Subobject: 'spec.containers{a}',
    Source: 'kubelet, node-1',
    Message: 'Back-off',
    'First Seen': '10m',
    Count: '4',
    Name: 'a',
  });
});

test('replicaSetDescriptor shows counts, images and its selector', () => {
  const row = cells('ReplicaSet', {
    spec: { replicas: 3, selector, template },
    status: { replicas: 2, readyReplicas: 1 },
  });
  assert.deepEqual(row, {
    Name: 'a',
    Desired: 3,
    Current: 2,
    Ready: 1,
    Age: '<unknown>',
    Containers: 'a',
    Images: 'a',
    Selector: 'app=a',
  });
});

test('podDescriptor has the field labels that kubectl describe and controllers select by', () => {
  const pod = objectOf(kind('Pod'), {
    spec: { nodeName: 'node-1', restartPolicy: 'Always', containers: [] },
    status: { phase: 'Running', podIP: '127.0.1.2' },
  });
  const labels = kind('Pod').fieldLabels;
  assert.equal(labels['spec.nodeName']?.(pod), 'node-1');
  assert.equal(labels['status.phase']?.(pod), 'Running');
  assert.equal(labels['status.podIP']?.(pod), '127.0.1.2');
  assert.equal(labels['spec.hostNetwork']?.(pod), 'false');
});
