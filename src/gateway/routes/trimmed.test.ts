import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FunctionObject, names, type Pod } from '../../api/index.ts';
import { functionObject, podObject } from '../testing/objects.ts';
import { podFacts } from './endpoint.ts';
import { functionFacts } from './route.ts';
import { trimmedFunction, trimmedPod } from './trimmed.ts';

const plain = functionObject();

const functions: Readonly<Record<string, FunctionObject>> = {
  'as it was created': { ...plain, status: {} },
  'that is ready': plain,
  'that cannot be loaded': functionObject({ trouble: ['LoadFailed', 'line 1'], serving: false }),
  'with all settings': {
    ...plain,
    spec: {
      ...plain.spec,
      source: { inline: 'export default () => 1' },
      signature: 'http',
      timeout: '5s',
      scaling: { min: 1, max: 5, concurrency: 2, hardConcurrency: 3, idle: '10s' },
      coldStart: 'refuse',
      env: [{ name: 'A', value: 'b' }],
    },
    status: { ...plain.status, replicas: 3, readyReplicas: 2, lastInvoked: '2026-01-01T00:00:00Z' },
  },
  'of an image': { ...plain, spec: { runtime: 'image', source: { image: 'x' } } },
  'being deleted': {
    ...plain,
    metadata: { ...plain.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  },
};

for (const [what, object] of Object.entries(functions)) {
  test(`trimmedFunction() keeps all that a route reads of a Function ${what}`, () => {
    const trimmed = trimmedFunction(object);
    assert.deepEqual(functionFacts(trimmed), functionFacts(object));
    assert.deepEqual(trimmed.status?.traffic, object.status?.traffic);
    assert.deepEqual(trimmed.spec.async, object.spec.async);
    assert.ok(JSON.stringify(trimmed).length <= JSON.stringify(object).length);
  });
}

test('trimmedFunction() leaves out what may be large', () => {
  const object = functions['with all settings'] as FunctionObject;
  const annotations = { 'example.com/large': 'x'.repeat(1000) };
  const trimmed = trimmedFunction({ ...object, metadata: { ...object.metadata, annotations } });
  assert.doesNotMatch(JSON.stringify(trimmed), /export default|xxx|"env"/);
});

const pods: Readonly<Record<string, Pod>> = {
  'that is ready': podObject({ name: 'a', host: '127.0.0.2', port: 8080 }),
  'that starts': podObject({ name: 'a', host: '', port: 9090, ready: false }),
  'that drains': podObject({ name: 'a', host: '127.0.0.2', port: 8080, draining: true }),
  'that ends': podObject({ name: 'a', host: '127.0.0.2', port: 1, terminating: true, restarts: 3 }),
  'of a pool': loading(podObject({ name: 'a', host: '127.0.0.2', port: 8080 })),
};

function loading(pod: Pod): Pod {
  const annotations = { ...pod.metadata.annotations, [names.annotation.loading]: 'x', other: 'y' };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

for (const [what, pod] of Object.entries(pods)) {
  test(`trimmedPod() keeps all that an endpoint reads of a Pod ${what}`, () => {
    assert.deepEqual(podFacts(trimmedPod(pod)), podFacts(pod));
  });
}
