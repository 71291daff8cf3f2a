import type { CustomResourceDefinition } from '../crd/crd.ts';
import { validateCrdRules, validateCrdUpdate } from '../crd/validate-crd.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { builtin } from './builtin.ts';
import { column, nameColumn } from './columns.ts';

export const customResourceDefinitionDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  status: true,
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    column(
      'Created At',
      'date',
      'When it was created',
      (object) => object.metadata.creationTimestamp ?? null,
    ),
  ],
  hooks: {
    prepareForCreate: withDefaults,
    prepareForUpdate: withDefaults,
    validate: validateCrdRules,
    validateUpdate: validateCrdUpdate,
  },
});

function withDefaults(object: KubeObject): KubeObject {
  const { spec } = object as Partial<CustomResourceDefinition>;
  const names = spec?.names;
  if (spec === undefined || names?.kind === undefined) return object;
  return {
    ...object,
    spec: {
      conversion: { strategy: 'None' },
      ...spec,
      names: {
        ...names,
        singular: names.singular || names.kind.toLowerCase(),
        listKind: names.listKind || `${names.kind}List`,
      },
    },
  } as KubeObject;
}
