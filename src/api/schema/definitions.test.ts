import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitionSchema } from './definitions.ts';

test('definitionSchema() shares the nodes of one definition', () => {
  const pod = definitionSchema('io.k8s.api.core.v1.Pod');
  const container = pod.properties?.['spec']?.properties?.['containers']?.items;
  assert.equal(container, definitionSchema('io.k8s.api.core.v1.Container'));
});

test('definitionSchema() resolves a definition that refers to itself', () => {
  const prefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
  const props = definitionSchema(`${prefix}.JSONSchemaProps`);
  assert.equal(props.properties?.['not'], props);
});

test('definitionSchema() carries what strategic merge needs', () => {
  const spec = definitionSchema('io.k8s.api.core.v1.PodSpec').properties ?? {};
  assert.deepEqual(spec['containers']?.patchStrategy, ['merge']);
  assert.equal(spec['containers']?.patchMergeKey, 'name');
  assert.deepEqual(spec['volumes']?.patchStrategy, ['merge', 'retainKeys']);
  assert.equal(spec['volumes']?.listType, 'map');
});

test('definitionSchema() throws for a definition that is not there', () => {
  assert.throws(() => definitionSchema('io.k8s.Nope'), /Cannot find definition "io.k8s.Nope"/);
});
