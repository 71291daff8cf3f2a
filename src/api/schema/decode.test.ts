import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFault } from './decode.ts';
import { definitionSchema } from './definitions.ts';

const rows: readonly (readonly [string, unknown, string | undefined])[] = [
  [
    'io.k8s.api.apps.v1.ReplicaSet',
    { spec: { replicas: 'two' } },
    'json: cannot unmarshal string into Go struct field ReplicaSetSpec.spec.replicas of type int32',
  ],
  [
    'io.k8s.api.apps.v1.ReplicaSet',
    { spec: { replicas: 3_000_000_000 } },
    'json: cannot unmarshal number 3000000000 into Go struct field ReplicaSetSpec.spec.replicas of type int32',
  ],
  [
    'io.k8s.api.core.v1.Pod',
    { spec: { containers: {} } },
    'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    'io.k8s.api.core.v1.Pod',
    { spec: { containers: [{ env: [{ name: 'A', value: 1 }] }] } },
    'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
  ],
  [
    'io.k8s.api.core.v1.Pod',
    { metadata: { labels: { a: true } } },
    'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    'io.k8s.api.core.v1.Pod',
    { spec: { containers: [{ resources: { limits: { cpu: '1x' } } }] } },
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  [
    'io.k8s.api.core.v1.Secret',
    { data: { a: 'not base64!' } },
    'illegal base64 data at input byte 3',
  ],
  [
    'io.k8s.api.core.v1.Pod',
    {
      spec: {
        containers: [
          {
            name: 'a',
            resources: { limits: { cpu: 1, memory: '1Gi' } },
            readinessProbe: { httpGet: { port: 'http' } },
          },
        ],
      },
      status: { startTime: '2026-01-02T03:04:05Z' },
    },
    undefined,
  ],
];

for (const [definition, object, expected] of rows) {
  const name = definition.split('.').at(-1) ?? '';
  test(`decodeFault() of ${name} ${JSON.stringify(object)}`, () => {
    assert.equal(decodeFault(definitionSchema(definition), object), expected);
  });
}
