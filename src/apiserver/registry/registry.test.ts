import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinDescriptors, type ResourceDescriptor } from '../../api/index.ts';
import { compareVersions, Registry } from './registry.ts';
import { makeResource } from './resource.ts';

const [some] = builtinDescriptors;
const options = { storageVersion: 'v1', fingerprint: 'x', terminating: false };

function resource(version: string) {
  assert.ok(some !== undefined);
  const descriptor: ResourceDescriptor = { ...some, group: 'g.io', version, plural: 'things' };
  return makeResource(descriptor, options);
}

test('compareVersions() puts stable before beta before alpha before anything else', () => {
  const versions = ['foo10', 'v1alpha1', 'v11beta2', 'v2', 'foo1', 'v10', 'v12alpha1', 'v10beta3'];
  assert.deepEqual(versions.toSorted(compareVersions), [
    'v10',
    'v2',
    'v11beta2',
    'v10beta3',
    'v12alpha1',
    'v1alpha1',
    'foo1',
    'foo10',
  ]);
});

test('install() replaces all versions of a CRD and ignores older revisions of it', () => {
  const registry = new Registry(builtinDescriptors, 'test');
  registry.install('things.g.io', 5, [resource('v1'), resource('v2')]);
  registry.install('things.g.io', 4, []);
  assert.ok(registry.find('g.io', 'v1', 'things') !== undefined);
  const { generation } = registry;
  registry.install('things.g.io', 6, [resource('v2')]);
  assert.equal(registry.find('g.io', 'v1', 'things'), undefined);
  assert.ok(registry.find('g.io', 'v2', 'things') !== undefined);
  assert.ok(registry.generation > generation);
});

test('groups() lists core first and preferred versions first', () => {
  const registry = new Registry(builtinDescriptors, 'test');
  registry.install('things.g.io', 1, [resource('v1beta1'), resource('v1')]);
  const groups = registry.groups();
  assert.equal(groups[0]?.group, '');
  const versions = groups.find(({ group }) => group === 'g.io')?.versions;
  assert.deepEqual(
    versions?.map(({ version }) => version),
    ['v1', 'v1beta1'],
  );
});
