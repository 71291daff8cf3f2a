import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '../api/index.ts';
import { type Blueprint, codeConfigMap, resolveFunction } from './blueprint.ts';
import { revisionHash } from './revision-hash.ts';
import { functionObject } from './testing/objects.ts';

const placement = { gatewayUrl: 'http://gateway', runtimeVersion: '1' };

function blueprint(spec: Partial<FunctionSpec> = {}, place = placement): Blueprint {
  const resolved = resolveFunction(functionObject(spec), place);
  assert(resolved.kind === 'valid');
  return resolved.blueprint;
}

test('resolveFunction() names a new revision for what the code can tell apart, and for nothing else', () => {
  const { revision } = blueprint();
  assert.match(revision, /^[a-z0-9]{10}$/);
  for (const spec of [
    { source: { inline: 'export default 2' } },
    { handler: 'index.ts' },
    { signature: 'fetch' },
    { env: [{ name: 'A', value: '1' }] },
    { envFrom: [{ secretRef: { name: 's' } }] },
    { resources: { limits: { memory: '1Gi' } } },
    { serviceAccountName: 'me' },
  ] as const) {
    assert.notEqual(blueprint(spec).revision, revision, JSON.stringify(spec));
  }
  assert.notEqual(blueprint({}, { ...placement, runtimeVersion: '2' }).revision, revision);
  for (const spec of [
    { timeout: '1h' },
    { scaling: { min: 3 } },
    { coldStart: 'refuse' },
  ] as const) {
    assert.equal(blueprint(spec).revision, revision, JSON.stringify(spec));
  }
});

test('resolveFunction() changes the template in place for the gateway and the grace period', () => {
  const before = blueprint();
  const moved = blueprint({}, { ...placement, gatewayUrl: 'http://other' });
  const slower = blueprint({ timeout: '1h' });
  assert.equal(moved.revision, before.revision);
  assert.notEqual(moved.templateHash, before.templateHash);
  assert.notEqual(slower.templateHash, before.templateHash);
  assert.equal(before.template.spec.terminationGracePeriodSeconds, 35);
  assert.equal(slower.template.spec.terminationGracePeriodSeconds, 3605);
});

test('codeConfigMap() holds each file under a key that the volume maps to its path', () => {
  const files = { 'index.js': 'a', 'lib/b.js': 'b' };
  const made = blueprint({ source: { files } });
  const { data = {} } = codeConfigMap(functionObject(), made);
  const [volume] = made.template.spec.volumes ?? [];
  const mounted = volume?.configMap?.items?.map(({ key, path }) => [path, data[key]]);
  assert.deepEqual(Object.fromEntries(mounted ?? []), files);
});

test('resolveFunction() mounts the chunks of a package in their order', () => {
  const made = blueprint({ source: { package: { name: 'diff-3f2a-2' } } });
  const [volume] = made.template.spec.volumes ?? [];
  const mounted = volume?.projected?.sources?.map(({ configMap }) => [
    configMap?.name,
    configMap?.items?.[0]?.path,
  ]);
  assert.deepEqual(mounted, [
    ['pkg-diff-3f2a-2-0', '.nought-package/000'],
    ['pkg-diff-3f2a-2-1', '.nought-package/001'],
  ]);
});

test('resolveFunction() gives code that listens by itself a probe of its port, and images no code', () => {
  const probe = (spec: Partial<FunctionSpec>) =>
    Object.keys(blueprint(spec).template.spec.containers[0]?.readinessProbe ?? {})[0];
  assert.equal(probe({}), 'httpGet');
  assert.equal(probe({ signature: 'http' }), 'tcpSocket');
  const image = blueprint({ runtime: 'image', source: { image: 'me/thing:1' } });
  assert.equal(image.template.spec.containers[0]?.image, 'me/thing:1');
  assert.equal(image.template.spec.volumes, undefined);
  assert.deepEqual(image.files, []);
});

test('resolveFunction() refuses to have the platform’s variables set', () => {
  const resolved = resolveFunction(
    functionObject({ env: [{ name: 'PORT', value: '1' }] }),
    placement,
  );
  assert.equal(resolved.kind, 'invalid');
  assert.match(resolved.message, /"PORT"/);
});

test('revisionHash() does not depend on the order of members', () => {
  assert.equal(
    revisionHash({ a: 1, b: { c: 2, d: 3 } }),
    revisionHash({ b: { d: 3, c: 2 }, a: 1 }),
  );
  assert.notEqual(revisionHash(['a', 'b']), revisionHash(['b', 'a']));
});
