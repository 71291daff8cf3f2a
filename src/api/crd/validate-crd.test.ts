import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customResourceDefinitionDescriptor } from '../kinds/custom-resource-definition.ts';
import type { KubeObject } from '../object.ts';
import { created, problems } from '../testing/prepare.ts';
import { descriptorsFromCrd } from './descriptors-from-crd.ts';
import { validateCrd, validateCrdUpdate } from './validate-crd.ts';

interface Parts {
  readonly spec?: object;
  readonly names?: object;
  readonly version?: object;
  /** Schema of `spec` of the objects. */
  readonly schema?: object;
  readonly root?: object;
  readonly status?: object;
}

function crd(parts: Parts = {}): KubeObject {
  const root = {
    type: 'object',
    properties: { spec: { type: 'object', ...parts.schema } },
    ...parts.root,
  };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: root } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing', ...parts.names },
      versions: [{ ...version, ...parts.version }],
      ...parts.spec,
    },
    ...(parts.status && { status: parts.status }),
  } as KubeObject;
}

const at = 'spec.versions[0].schema.openAPIV3Schema';
const inSpec = `${at}.properties[spec]`;
const rows: readonly (readonly [string, Parts, string])[] = [
  [
    'another name',
    { names: { plural: 'thingies' } },
    'metadata.name: Invalid value: "things.example.com": must be spec.names.plural+"."+spec.group',
  ],
  [
    'no versions',
    { spec: { versions: [] } },
    'spec.versions: Invalid value: []: must have exactly one version marked as storage version',
  ],
  [
    'no storage version',
    { version: { storage: false } },
    'spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version',
  ],
  ['no schema', { version: { schema: {} } }, `${at}: Required value: schemas are required`],
  [
    'a scope that is none',
    { spec: { scope: 'Global' } },
    'spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"',
  ],
  [
    'a kind that is its list',
    { names: { listKind: 'Thing' } },
    'spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same',
  ],
  [
    'a root that is no object',
    { root: { type: 'string' } },
    `${at}.type: Invalid value: "string": must be object at the root`,
  ],
  [
    'a field without type',
    { schema: { properties: { a: {} } } },
    `${inSpec}.properties[a].type: Required value: must not be empty for specified object fields`,
  ],
  [
    'an array without items',
    { schema: { properties: { a: { type: 'array' } } } },
    `${inSpec}.properties[a].items: Required value: must be specified`,
  ],
  [
    'items without type',
    { schema: { properties: { a: { type: 'array', items: {} } } } },
    `${inSpec}.properties[a].items.type: Required value: must not be empty for specified array items`,
  ],
  [
    'a schema that is a list',
    { schema: { properties: { a: { type: 'array', items: [{ type: 'string' }] } } } },
    `${inSpec}.properties[a].items: Invalid value: [{"type":"string"}]: must be a schema`,
  ],
  [
    'properties beside additionalProperties',
    { schema: { properties: {}, additionalProperties: { type: 'string' } } },
    `${inSpec}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
  ],
  [
    'a reference',
    { schema: { properties: { a: { $ref: '#/x' } } } },
    `${inSpec}.properties[a].$ref: Forbidden: $ref is not supported`,
  ],
  [
    'a type inside of allOf',
    { schema: { allOf: [{ type: 'object' }] } },
    `${inSpec}.allOf[0].type: Forbidden: must be empty to be structural`,
  ],
  [
    'a field that only anyOf names',
    { schema: { anyOf: [{ properties: { a: {} } }] } },
    `${inSpec}.properties[a]: Required value: because it is defined in ${inSpec}.anyOf[0].properties[a]`,
  ],
  [
    'a map list without keys',
    {
      schema: {
        properties: {
          a: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' },
        },
      },
    },
    `${inSpec}.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
  ],
  [
    'a default of the wrong type',
    { schema: { properties: { a: { type: 'integer', default: 'x' } } } },
    `${inSpec}.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"`,
  ],
  [
    'a default with unknown fields',
    { schema: { properties: { a: { type: 'object', default: { b: 1 } } } } },
    `${inSpec}.properties[a].default: Invalid value: {"b":1}: must not have unknown fields: b`,
  ],
  [
    'a column without a path',
    { version: { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'spec.a' }] } },
    'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: "spec.a": must be a simple json path starting with .',
  ],
  [
    'a column of no type',
    { version: { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.a' }] } },
    'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
  ],
  [
    'a scale path outside of spec',
    {
      version: {
        subresources: {
          scale: { specReplicasPath: '.replicas', statusReplicasPath: '.status.replicas' },
        },
      },
    },
    'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".replicas": should be a json path under .spec',
  ],
  [
    'a webhook',
    { spec: { conversion: { strategy: 'Webhook' } } },
    'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
  ],
  [
    'a rule that reads what is not there',
    { schema: { 'x-kubernetes-validations': [{ rule: 'self.a == 1' }], properties: {} } },
    `${inSpec}.x-kubernetes-validations[0].rule: Invalid value: "self.a == 1": compilation failed: undefined field 'a'`,
  ],
];

test('validateCrd() takes a CRD', () => {
  assert.deepEqual(validateCrd(crd()), []);
});

for (const [what, parts, expected] of rows) {
  test(`validateCrd() refuses ${what}`, () => {
    const causes = validateCrd(crd(parts)).map(({ field, message }) => `${field}: ${message}`);
    assert.deepEqual(causes, [expected]);
  });
}

test('validateCrd() refuses a pattern that is no regular expression', () => {
  const [cause] = validateCrd(
    crd({ schema: { properties: { a: { type: 'string', pattern: '(' } } } }),
  );
  assert.match(cause?.message ?? '', /must be a valid regular expression, but isn't/);
});

test('validateCrd() names a wrong type of the CRD itself', () => {
  const odd = { ...crd(), spec: { versions: 'v1' } } as unknown as KubeObject;
  assert.match(validateCrd(odd)[0]?.message ?? '', /cannot unmarshal string into Go struct field/);
});

test('customResourceDefinitionDescriptor fills in names and the conversion', () => {
  const made = created(customResourceDefinitionDescriptor, crd()) as KubeObject & {
    readonly spec: { readonly names: object; readonly conversion: object };
  };
  assert.deepEqual(made.spec.names, {
    plural: 'things',
    kind: 'Thing',
    singular: 'thing',
    listKind: 'ThingList',
  });
  assert.deepEqual(made.spec.conversion, { strategy: 'None' });
  assert.deepEqual(problems(customResourceDefinitionDescriptor, made), []);
});

test('customResourceDefinitionDescriptor finds unknown fields of schemas, and keeps defaults', () => {
  const nested = {
    properties: {
      a: { type: 'object', default: { any: null }, 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const made = created(customResourceDefinitionDescriptor, crd({ schema: nested }));
  assert.match(JSON.stringify(made), /"default":\{"any":null\}/);
});

test('validateCrdUpdate() keeps scope and names once a CRD is established, and stored versions', () => {
  const established = {
    conditions: [{ type: 'Established', status: 'True' }],
    storedVersions: ['v0'],
  };
  const old = crd({ status: established });
  const next = crd({ spec: { scope: 'Cluster' }, status: established });
  assert.deepEqual(
    validateCrdUpdate(next, old).map(({ field }) => field),
    ['spec.scope', 'status.storedVersions[0]'],
  );
  assert.deepEqual(validateCrdUpdate(crd({ spec: { scope: 'Cluster' } }), crd()), []);
});

test('descriptorsFromCrd() makes a descriptor of each served version, the stored one first', () => {
  const schema = { openAPIV3Schema: { type: 'object' } };
  const versions = [
    { name: 'v1alpha1', served: false, storage: false, schema },
    { name: 'v1beta1', served: true, storage: false, schema },
    { name: 'v1', served: true, storage: true, schema },
  ];
  assert.deepEqual(
    descriptorsFromCrd(crd({ spec: { versions } })).map(({ version }) => version),
    ['v1', 'v1beta1'],
  );
});

test('descriptorsFromCrd() makes columns, field labels and subresources', () => {
  const version = {
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.n',
        statusReplicasPath: '.status.n',
        labelSelectorPath: '.status.s',
      },
    },
    additionalPrinterColumns: [
      { name: 'Colour', type: 'string', jsonPath: '.spec.colour' },
      { name: 'N', type: 'integer', jsonPath: '.status.n' },
      { name: 'When', type: 'date', jsonPath: '.status.when' },
      { name: 'All', type: 'string', jsonPath: '.spec', priority: 1 },
    ],
    selectableFields: [{ jsonPath: '.spec.colour' }],
  };
  const [descriptor] = descriptorsFromCrd(crd({ version }));
  assert.ok(descriptor);
  const object = {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'a' },
    spec: { colour: 'red' },
    status: { n: '2', when: '2026-01-01T00:00:00Z' },
  };
  const now = Date.parse('2026-01-01T01:00:00Z');
  assert.deepEqual(
    descriptor.columns.map((column) => column.cell(object, now)),
    ['a', 'red', null, '60m', '{"colour":"red"}'],
  );
  assert.equal(descriptor.fieldLabels['spec.colour']?.(object), 'red');
  assert.equal(descriptor.status, true);
  assert.deepEqual(descriptor.scale, {
    specReplicas: '.spec.n',
    statusReplicas: '.status.n',
    labelSelector: '.status.s',
  });
});
