import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { descriptorsFromCrd } from '../crd/descriptors-from-crd.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import { builtinDescriptors } from '../kinds/builtin-descriptors.ts';
import { podDescriptor } from '../kinds/pod.ts';
import type { KubeObject } from '../object.ts';
import { descriptionsOf } from './descriptions.ts';
import { openApiDefinitions, openApiName } from './openapi-definitions.ts';

const file = new URL('../../../deploy/crds/functions.nought.dev.yaml', import.meta.url);
const custom = descriptorsFromCrd(parse(readFileSync(file, 'utf8')) as KubeObject);
const all: readonly ResourceDescriptor[] = [...builtinDescriptors, ...custom];

test('openApiDefinitions() refers to nothing that it does not have', () => {
  for (const descriptor of all) {
    const definitions = openApiDefinitions(descriptor);
    const text = JSON.stringify(definitions);
    for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      assert.ok(Object.hasOwn(definitions, name), `${descriptor.kind} refers to ${name}`);
    }
    assert.equal(text.includes('#/definitions/'), false);
  }
});

test('openApiDefinitions() puts the group, version and kind on a kind and on its list', () => {
  for (const descriptor of all) {
    const { group, version, kind, listKind } = descriptor;
    const definitions = openApiDefinitions(descriptor);
    const name = openApiName(descriptor);
    const key = 'x-kubernetes-group-version-kind';
    assert.deepEqual(definitions[name]?.[key], [{ group, kind, version }]);
    assert.deepEqual(definitions[`${name}List`]?.[key], [{ group, kind: listKind, version }]);
  }
});

test("openApiDefinitions() has upstream's names and what merging needs", () => {
  const definitions = openApiDefinitions(podDescriptor);
  const spec = definitions['io.k8s.api.core.v1.PodSpec']?.properties ?? {};
  assert.equal(spec['containers']?.['x-kubernetes-patch-merge-key'], 'name');
  assert.equal(spec['containers']?.['x-kubernetes-patch-strategy'], 'merge');
  assert.deepEqual(definitions['io.k8s.api.core.v1.Pod']?.properties?.['spec'], {
    default: {},
    description: 'What is wanted.',
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' }],
  });
});

test('openApiDefinitions() gives a custom kind back as its CRD has it', () => {
  const [functions] = custom;
  assert.ok(functions);
  assert.equal(openApiName(functions), 'dev.nought.v1.Function');
  const schema = openApiDefinitions(functions)['dev.nought.v1.Function'];
  const timeout = schema?.properties?.['spec']?.properties?.['timeout'];
  assert.match(timeout?.description ?? '', /^How long one call may take/);
  assert.equal(timeout?.default, '30s');
  assert.equal(timeout?.['x-kubernetes-validations']?.length, 1);
  assert.match(schema?.properties?.['metadata']?.description ?? '', /^Name, labels/);
});

test('descriptionsOf() speaks only of definitions and fields that there are', () => {
  const known = new Map(
    all.flatMap((descriptor) => Object.entries(openApiDefinitions(descriptor))),
  );
  for (const [name, { properties = {} }] of known) {
    for (const field of Object.keys(descriptionsOf(name))) {
      assert.ok(field === '' || Object.hasOwn(properties, field), `${name} has no ${field}`);
    }
  }
  assert.equal(known.get('io.k8s.api.core.v1.Pod')?.description?.startsWith('Programs'), true);
});
