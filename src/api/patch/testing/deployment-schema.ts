import type { Schema } from '../../schema.ts';

function mergedList(patchMergeKey: string, items: Schema): Schema {
  return { type: 'array', patchStrategy: ['merge'], patchMergeKey, items };
}

const env: Schema = { properties: { name: {}, value: {} } };
const container: Schema = {
  properties: {
    name: {},
    image: {},
    args: { type: 'array', items: {} },
    env: mergedList('name', env),
    ports: mergedList('containerPort', { properties: { containerPort: {}, protocol: {} } }),
  },
};
/** As much of a Deployment as shows every way to merge. */
export const deploymentSchema: Schema = {
  properties: {
    labels: { additionalProperties: { type: 'string' } },
    finalizers: { type: 'array', patchStrategy: ['merge'], items: { type: 'string' } },
    strategy: { patchStrategy: ['retainKeys'], properties: { type: {}, rollingUpdate: {} } },
    whole: { patchStrategy: ['replace'], properties: { a: {}, b: {} } },
    containers: mergedList('name', container),
    volumes: {
      ...mergedList('name', {}),
      patchStrategy: ['merge', 'retainKeys'],
    },
    tolerations: { type: 'array', items: { properties: { key: {} } } },
    $ref: { type: 'string' },
  },
};
