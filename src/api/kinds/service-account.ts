import type { ResourceDescriptor } from '../descriptor.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

export const serviceAccountDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.ServiceAccount',
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  namespaced: true,
  columns: [
    nameColumn,
    column('Secrets', 'integer', 'How many secrets it names', (object) => {
      const { secrets } = object as { readonly secrets?: readonly unknown[] };
      return secrets?.length ?? 0;
    }),
    ageColumn,
  ],
});
