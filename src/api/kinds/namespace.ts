import type { Namespace } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { dns1123LabelErrors } from '../validation-names.ts';
import { allVerbs, builtin } from './builtin.ts';
import { ageColumn, column, nameColumn, textLabel } from './columns.ts';

const nameLabel = 'kubernetes.io/metadata.name';

export const namespaceDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.Namespace',
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
  status: true,
  columns: [
    nameColumn,
    column(
      'Status',
      'string',
      'Active, or Terminating while it is being emptied',
      (object) => asNamespace(object).status?.phase ?? '',
    ),
    ageColumn,
  ],
  fieldLabels: {
    'status.phase': textLabel<Namespace>((namespace) => namespace.status?.phase),
    name: (object) => object.metadata.name,
  },
  hooks: {
    nameErrors: dns1123LabelErrors,
    prepareForCreate: (object) => {
      const { spec } = asNamespace(object);
      const finalizers = [...new Set([...(spec?.finalizers ?? []), 'kubernetes'])];
      return labelled({ ...object, spec: { ...spec, finalizers }, status: { phase: 'Active' } });
    },
    // Only the finalize subresource changes the finalizers.
    prepareForUpdate: (object, old) => {
      const finalizers = asNamespace(old).spec?.finalizers;
      const spec = finalizers === undefined ? {} : { finalizers };
      return labelled({ ...object, spec });
    },
  },
});

interface Prepared extends KubeObject {
  readonly spec: unknown;
  readonly status?: unknown;
}

function labelled(object: Prepared): KubeObject {
  const labels = { ...object.metadata.labels, [nameLabel]: object.metadata.name };
  return { ...object, metadata: { ...object.metadata, labels } };
}

function asNamespace(object: KubeObject): Namespace {
  return object;
}
