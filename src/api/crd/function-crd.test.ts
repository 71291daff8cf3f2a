import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import type { KubeObject } from '../object.ts';
import type { Schema } from '../schema.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { descriptorsFromCrd } from './descriptors-from-crd.ts';
import { validateCrd } from './validate-crd.ts';

const file = new URL('../../../deploy/crds/functions.nought.dev.yaml', import.meta.url);
const crd = parse(readFileSync(file, 'utf8')) as KubeObject;
const [descriptor] = descriptorsFromCrd(crd);
assert.ok(descriptor);
const functions = descriptor;

const inline = { runtime: 'node', source: { inline: 'export default () => 1' } };

function causes(spec: object): readonly string[] {
  return problems(functions, created(functions, objectOf(functions, { spec })));
}

test('the Function CRD is valid', () => {
  assert.deepEqual(validateCrd(crd), []);
});

test('the Function CRD describes every field, for kubectl explain', () => {
  const bare: string[] = [];
  const walk = (schema: Schema, path: string): void => {
    if (schema.definition !== undefined) return;
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (property.description === undefined && property.definition === undefined) {
        bare.push(`${path}.${name}`);
      }
      walk(property, `${path}.${name}`);
    }
    if (schema.items !== undefined) walk(schema.items, `${path}[]`);
  };
  walk(functions.schema, '');
  assert.deepEqual(bare, ['.apiVersion', '.kind']);
});

test('a Function of three lines gets all defaults', () => {
  const made = created(functions, objectOf(functions, { spec: inline })) as KubeObject & {
    readonly spec: object;
  };
  assert.deepEqual(made.spec, {
    ...inline,
    signature: 'json',
    timeout: '30s',
    scaling: { min: 0, max: 20, concurrency: 20, hardConcurrency: 0, idle: '60s' },
    coldStart: 'wait',
    revisionHistoryLimit: 5,
  });
});

const good: readonly (readonly [string, object])[] = [
  ['inline code', inline],
  [
    'files with a default name',
    { runtime: 'node', source: { files: { 'index.ts': '', 'lib/a.js': '' } } },
  ],
  [
    'files with a handler',
    { runtime: 'python', source: { files: { 'a.py': '' } }, handler: 'a.py:go' },
  ],
  ['a package', { runtime: 'node', source: { package: { name: 'diff-3f2a' } } }],
  ['an image', { runtime: 'image', source: { image: 'ghcr.io/me/thing:1' } }],
  ['an image called as http', { runtime: 'image', source: { image: 'a' }, signature: 'http' }],
  ['asgi for python', { runtime: 'python', source: { inline: 'x' }, signature: 'asgi' }],
  ['a mixed duration', { ...inline, timeout: '1m30s', scaling: { idle: '1.5s' } }],
  ['quantities', { ...inline, resources: { limits: { memory: '256Mi', cpu: 1 } } }],
  ['a pinned count', { ...inline, replicas: 3 }],
  [
    'traffic by weight and tag',
    {
      ...inline,
      traffic: [
        { latest: true, weight: 90, tag: 'new' },
        { revision: 'r1', weight: 10, tag: 'old' },
      ],
    },
  ],
  ['tags without weights', { ...inline, traffic: [{ revision: 'r1', tag: 'r-1' }] }],
];

for (const [what, spec] of good) {
  test(`the Function CRD takes ${what}`, () => {
    assert.deepEqual(causes(spec), []);
  });
}

const object = 'Invalid value: "object": ';
const bad: readonly (readonly [object, string])[] = [
  [{}, 'spec.runtime: Required value'],
  [
    { ...inline, runtime: 'ruby' },
    'spec.runtime: Unsupported value: "ruby": supported values: "node", "python", "image"',
  ],
  [
    { ...inline, source: { inline: 'x', files: { 'index.js': '' } } },
    `spec.source: ${object}exactly one of inline, files, package and image must be set, but inline and files are`,
  ],
  [
    { ...inline, source: {} },
    `spec.source: ${object}exactly one of inline, files, package and image must be set, but none is`,
  ],
  [{ ...inline, runtime: 'image' }, `spec.runtime: ${object}runtime image needs source.image`],
  [
    { runtime: 'python', source: { image: 'a' } },
    `spec.runtime: ${object}source.image needs runtime image, not python`,
  ],
  [
    { ...inline, signature: 'asgi' },
    `spec.signature: ${object}signature asgi needs runtime python, not node`,
  ],
  [
    { runtime: 'python', source: { inline: 'x' }, signature: 'fetch' },
    `spec.signature: ${object}signature fetch needs runtime node, not python`,
  ],
  [
    { runtime: 'python', source: { files: { 'x.py': '' } } },
    'spec.handler: Required value: must be set, because source.files has neither main.py nor handler.py',
  ],
  [
    { runtime: 'python', source: { files: { 'x.py': '' } }, handler: 'y.py:go' },
    `spec.handler: ${object}source.files has no file "y.py", which the handler names`,
  ],
  [
    { ...inline, handler: '/etc/passwd' },
    String.raw`spec.handler: Invalid value: "/etc/passwd": spec.handler in body should match '^[A-Za-z0-9_@.-]+(/[A-Za-z0-9_@.-]+)*(:[A-Za-z_$][A-Za-z0-9_$.]*)?$'`,
  ],
  [
    { runtime: 'node', source: { files: { 'index.js': '', '../up.js': '' } } },
    `spec.source.files: ${object}a path must be relative and may not start with ".."`,
  ],
  [
    { ...inline, scaling: { min: 5, max: 3 } },
    `spec.scaling.min: ${object}min (5) must not be more than max (3)`,
  ],
  [
    { ...inline, scaling: { max: 'many' } },
    'spec.scaling.max: Invalid value: "string": spec.scaling.max in body must be of type integer: "string"',
  ],
  [
    { ...inline, timeout: '2h' },
    'spec.timeout: Invalid value: "string": must be between 1s and 1h',
  ],
  [
    { ...inline, timeout: '10ms' },
    'spec.timeout: Invalid value: "string": must be between 1s and 1h',
  ],
  [
    { ...inline, env: [{ name: 'PORT', value: '1' }] },
    `spec.env[0].name: ${object}PORT is set by the platform`,
  ],
  [
    { ...inline, env: [{ name: 'A' }, { name: 'A' }] },
    'spec.env[1]: Duplicate value: {"name":"A"}',
  ],
  [
    { ...inline, traffic: [{ latest: true, weight: 90 }] },
    'spec.traffic: Invalid value: "array": the weights must add up to 100, or be left out (then the latest revision takes all calls), but they add up to 90',
  ],
  [
    {
      ...inline,
      traffic: [
        { latest: true, tag: 'a' },
        { revision: 'r1', tag: 'a' },
      ],
    },
    'spec.traffic: Invalid value: "array": no two targets may have the same tag',
  ],
  [
    { ...inline, traffic: [{ latest: true, revision: 'r1', weight: 100 }] },
    `spec.traffic[0]: ${object}exactly one of revision and latest must be set, but both are`,
  ],
  [
    { ...inline, traffic: [{ weight: 100 }] },
    `spec.traffic[0]: ${object}exactly one of revision and latest must be set, but none is`,
  ],
  [
    { ...inline, traffic: [{ latest: true, tag: 'Beta' }] },
    'spec.traffic[0].tag: Invalid value: "Beta": spec.traffic[0].tag in body should match \'^[a-z]([-a-z0-9]*[a-z0-9])?$\'',
  ],
];

for (const [spec, expected] of bad) {
  test(`the Function CRD says ${expected.slice(0, 100)}`, () => {
    assert.equal(causes(spec)[0], expected);
  });
}

test('the Function CRD says when a tag and the name are too long for one host', () => {
  const metadata = { name: 'n'.repeat(51) };
  const withTag = (tag: string): KubeObject => {
    const spec = { ...inline, traffic: [{ latest: true, tag }] };
    return created(functions, objectOf(functions, { spec }, metadata));
  };
  assert.deepEqual(problems(functions, withTag('short')), []);
  assert.match(
    problems(functions, withTag('a-tag-longer'))[0] ?? '',
    /^spec\.traffic: .*a tag must leave room for the host TAG-n{51}, whose first label/,
  );
});

test('a valid Function stays valid when its defaults are written out', () => {
  const scaling = fc.record(
    {
      min: fc.nat(20),
      max: fc.integer({ min: 20, max: 1000 }),
      concurrency: fc.integer({ min: 1, max: 100 }),
    },
    { requiredKeys: [] },
  );
  const spec = fc.record(
    {
      runtime: fc.constantFrom('node', 'python'),
      source: fc.string({ minLength: 1 }).map((text) => ({ inline: text })),
      signature: fc.constantFrom('json', 'http'),
      timeout: fc.integer({ min: 1, max: 3600 }).map((seconds) => `${seconds}s`),
      scaling,
      coldStart: fc.constantFrom('wait', 'refuse'),
    },
    { requiredKeys: ['runtime', 'source'] },
  );
  fc.assert(
    fc.property(spec, (members) => {
      const once = created(functions, objectOf(functions, { spec: members }));
      assert.deepEqual(problems(functions, once), []);
      assert.deepEqual(created(functions, once), once);
      assert.deepEqual(problems(functions, once, once), []);
    }),
    { numRuns: 50 },
  );
});

test('kubectl get functions shows name, runtime, ready, replicas, age', () => {
  const made = {
    ...objectOf(functions, { spec: inline }, { creationTimestamp: '2026-01-01T00:00:00Z' }),
    status: {
      replicas: 1,
      revision: 'abc',
      url: 'http://127.0.0.1:8080/n/a',
      conditions: [{ type: 'Ready', status: 'True', reason: 'Serving' }],
    },
  };
  const now = Date.parse('2026-01-01T00:01:30Z');
  assert.deepEqual(
    functions.columns.map(({ name, priority, cell }) => [name, priority, cell(made, now)]),
    [
      ['Name', 0, 'a'],
      ['Runtime', 0, 'node'],
      ['Ready', 0, 'True'],
      ['Replicas', 0, 1],
      ['Age', 0, '90s'],
      ['Revision', 1, 'abc'],
      ['URL', 1, 'http://127.0.0.1:8080/n/a'],
      ['Reason', 1, 'Serving'],
    ],
  );
});
