import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePath } from './request-info.ts';

const resource = {
  kind: 'resource',
  group: '',
  version: 'v1',
  namespace: undefined,
  name: undefined,
  subresource: undefined,
};

const cases: readonly (readonly [path: string, info: unknown])[] = [
  ['/api', { kind: 'discovery', scope: { kind: 'core' } }],
  ['/apis/', { kind: 'discovery', scope: { kind: 'groups' } }],
  ['/apis/apps', { kind: 'discovery', scope: { kind: 'group', group: 'apps' } }],
  ['/api/v1', { kind: 'discovery', scope: { kind: 'version', group: '', version: 'v1' } }],
  ['/api/v1/pods', { ...resource, plural: 'pods' }],
  ['/api/v1/nodes/n/status', { ...resource, plural: 'nodes', name: 'n', subresource: 'status' }],
  ['/api/v1/namespaces', { ...resource, plural: 'namespaces' }],
  ['/api/v1/namespaces/a', { ...resource, plural: 'namespaces', name: 'a' }],
  [
    '/api/v1/namespaces/a/finalize',
    { ...resource, plural: 'namespaces', name: 'a', subresource: 'finalize' },
  ],
  ['/api/v1/namespaces/a/pods', { ...resource, namespace: 'a', plural: 'pods' }],
  [
    '/apis/apps/v1/namespaces/a/replicasets/r/scale',
    {
      ...resource,
      group: 'apps',
      namespace: 'a',
      plural: 'replicasets',
      name: 'r',
      subresource: 'scale',
    },
  ],
  [
    '/api/v1/namespaces/a/configmaps/b%3Ac',
    { ...resource, namespace: 'a', plural: 'configmaps', name: 'b:c' },
  ],
  ['/api/v1/namespaces/a/configmaps/b%2Fc', { kind: 'malformed' }],
  [`/api/v1/namespaces/${'n'.repeat(254)}`, { kind: 'malformed' }],
  ['/api/v1/namespaces/a/pods/p/log/more', { kind: 'malformed' }],
  ['/api/v1/pods/%zz', { kind: 'malformed' }],
  ['/healthz', { kind: 'plain', segments: ['healthz'] }],
  ['/', { kind: 'plain', segments: [] }],
];

for (const [path, info] of cases) {
  test(`parsePath() takes ${path.slice(0, 60)} apart`, () => {
    assert.deepEqual(parsePath(path), info);
  });
}
