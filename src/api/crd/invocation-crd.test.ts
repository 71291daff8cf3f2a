import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { asyncDefaults, invocationBodyBytes } from '../invocation.ts';
import type { KubeObject } from '../object.ts';
import type { Schema } from '../schema.ts';
import { created, objectOf, problems } from '../testing/prepare.ts';
import { descriptorsFromCrd } from './descriptors-from-crd.ts';
import { validateCrd } from './validate-crd.ts';

function readCrd(name: string): KubeObject {
  const file = new URL(`../../../deploy/crds/${name}.nought.dev.yaml`, import.meta.url);
  return parse(readFileSync(file, 'utf8')) as KubeObject;
}

const crd = readCrd('invocations');
const [descriptor] = descriptorsFromCrd(crd);
assert.ok(descriptor);
const invocations = descriptor;

const least = { functionRef: { name: 'f' } };

function causes(spec: object, old?: object): readonly string[] {
  const object = created(invocations, objectOf(invocations, { spec }));
  return problems(
    invocations,
    object,
    old === undefined ? undefined : created(invocations, objectOf(invocations, { spec: old })),
  );
}

test('the Invocation CRD is valid and describes every field, for kubectl explain', () => {
  assert.deepEqual(validateCrd(crd), []);
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
  walk(invocations.schema, '');
  assert.deepEqual(bare, ['.apiVersion', '.kind']);
});

test('an Invocation that names only its function is a POST with the defaults, and Pending', () => {
  const made = created(invocations, objectOf(invocations, { spec: least })) as KubeObject & {
    readonly spec: object;
    readonly status: object;
  };
  const { retries, backoff, retention } = asyncDefaults;
  assert.deepEqual(made.spec, {
    ...least,
    request: { method: 'POST', path: '/' },
    retries,
    backoff,
    retention,
  });
  assert.deepEqual(made.status, { phase: 'Pending', attempts: 0 });
});

test('the defaults of spec.async are those that the gateway fills in', () => {
  const [functions] = descriptorsFromCrd(readCrd('functions'));
  assert.ok(functions);
  const spec = { runtime: 'node', source: { inline: '1' }, async: {} };
  const made = created(functions, objectOf(functions, { spec })) as KubeObject & {
    readonly spec: { readonly async: object };
  };
  assert.deepEqual(made.spec.async, asyncDefaults);
});

test('the spec of an Invocation never changes', () => {
  assert.deepEqual(causes({ ...least, retries: 2 }, { ...least, retries: 2 }), []);
  const [cause, ...more] = causes({ ...least, retries: 3 }, { ...least, retries: 2 });
  assert.match(cause ?? '', /cannot be changed/);
  assert.deepEqual(more, []);
});

const body = Buffer.alloc(invocationBodyBytes, 7).toString('base64');
const good: readonly (readonly [string, object])[] = [
  ['the longest body', { ...least, request: { body } }],
  ['any header', { ...least, request: { headers: [{ name: 'x', value: 'ü~ ' }] } }],
  ['a tag', { functionRef: { name: 'f', tag: 'green' } }],
];
for (const [what, spec] of good) {
  test(`the Invocation CRD takes ${what}`, () => assert.deepEqual(causes(spec), []));
}

const bad: readonly (readonly [string, object, string])[] = [
  ['no function', { functionRef: {} }, 'spec.functionRef.name'],
  ['a longer body', { ...least, request: { body: `${body}AAAA` } }, 'spec.request.body'],
  ['a body that is no base64', { ...least, request: { body: '{}' } }, 'spec.request.body'],
  ['a path with a blank', { ...least, request: { path: '/a b' } }, 'spec.request.path'],
  ['a retention over a week', { ...least, retention: '169h' }, 'spec.retention'],
  ['a back-off of nothing', { ...least, backoff: '1ms' }, 'spec.backoff'],
  ['a negative number of retries', { ...least, retries: -1 }, 'spec.retries'],
];
for (const [what, spec, field] of bad) {
  test(`the Invocation CRD refuses ${what}`, () => {
    const found = causes(spec);
    assert.ok(
      found.some((cause) => cause.startsWith(`${field}:`)),
      found.join('\n'),
    );
  });
}
