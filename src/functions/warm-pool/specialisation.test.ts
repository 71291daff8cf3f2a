import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec, PodTemplateSpec } from '../../api/index.ts';
import { resolveFunction } from '../blueprint.ts';
import { functionObject } from '../testing/objects.ts';
import { specialisationOf } from './specialisation.ts';

const placement = { gatewayUrl: 'http://gateway', runtimeVersion: '1' };

function templateOf(spec: Partial<FunctionSpec>): PodTemplateSpec {
  const resolved = resolveFunction(functionObject(spec), placement);
  assert(resolved.kind === 'valid');
  return resolved.blueprint.template;
}

test('specialisationOf() gives what a pod of the pool lacks, and nothing that it has', () => {
  const files = { 'index.js': 'a', 'lib/b.js': 'b' };
  const template = templateOf({ source: { files }, env: [{ name: 'A', value: '1' }] });
  const revision = template.metadata?.labels?.['nought.dev/revision'];
  assert.deepEqual(specialisationOf(template), {
    runtime: 'node',
    image: 'nought.dev/runtime-node:1',
    env: {
      K_SERVICE: 'f',
      K_REVISION: `f-${revision}`,
      NOUGHT_FUNCTION: 'f',
      NOUGHT_NAMESPACE: 'default',
      NOUGHT_GATEWAY: 'http://gateway',
      A: '1',
    },
    handler: 'index.js',
    signature: 'json',
    graceSeconds: 35,
    source: {
      kind: 'files',
      configMap: `f-${revision}`,
      items: [
        { key: 'f0', path: 'index.js' },
        { key: 'f1', path: 'lib/b.js' },
      ],
    },
  });
});

test('specialisationOf() names the chunks of a package in their order', () => {
  const template = templateOf({ runtime: 'python', source: { package: { name: 'p-3f2a-2' } } });
  assert.deepEqual(specialisationOf(template)?.source, {
    kind: 'package',
    chunks: [
      { configMap: 'pkg-p-3f2a-2-0', key: 'chunk' },
      { configMap: 'pkg-p-3f2a-2-1', key: 'chunk' },
    ],
  });
});

test('specialisationOf() takes a template as the API server stores it', () => {
  const template = templateOf({});
  const [container] = template.spec.containers;
  assert(container !== undefined);
  const stored = {
    ...template,
    spec: {
      ...template.spec,
      containers: [
        { ...container, imagePullPolicy: 'IfNotPresent', terminationMessagePolicy: 'File' },
      ],
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      securityContext: {},
    },
  };
  assert.deepEqual(specialisationOf(stored), specialisationOf(template));
});

for (const [what, spec] of Object.entries({
  'code that listens by itself': { signature: 'http' },
  'an identity': { serviceAccountName: 'me' },
  'variables of a Secret': { envFrom: [{ secretRef: { name: 's' } }] },
  'a value that a node resolves': {
    env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
  },
  'a value that names another': { env: [{ name: 'A', value: '$(PORT)' }] },
  'what Node reads when it starts': { env: [{ name: 'NODE_OPTIONS', value: '--no-warnings' }] },
  'resources of its own': { resources: { limits: { memory: '1Gi' } } },
  'a large package': { source: { package: { name: 'p-3f2a-5' } } },
  'an image': { runtime: 'image', source: { image: 'me/thing:1' } },
} satisfies Record<string, Partial<FunctionSpec>>)) {
  test(`specialisationOf() leaves ${what} to pods from the template`, () => {
    assert.equal(specialisationOf(templateOf(spec)), undefined);
  });
}

test('specialisationOf() takes nothing that it does not know', () => {
  const { metadata = {}, spec } = templateOf({});
  const [container] = spec.containers;
  assert(container !== undefined);
  for (const changed of [
    { ...spec, nodeSelector: { disk: 'ssd' } },
    { ...spec, securityContext: { runAsUser: 1 } },
    { ...spec, automountServiceAccountToken: true },
    { ...spec, containers: [container, { ...container, name: 'beside' }] },
    { ...spec, containers: [{ ...container, command: ['sh'] }] },
    { ...spec, containers: [{ ...container, image: 'other:1' }] },
    { ...spec, volumes: [...(spec.volumes ?? []), { name: 'more', emptyDir: {} }] },
  ]) {
    assert.equal(specialisationOf({ metadata, spec: changed }), undefined, JSON.stringify(changed));
  }
});
