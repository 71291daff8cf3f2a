import type { Lease } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

export const leaseDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.coordination.v1.Lease',
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  unconditionalUpdate: false,
  createOnUpdate: true,
  columns: [
    nameColumn,
    column(
      'Holder',
      'string',
      'Who holds it',
      (object) => (object as Lease).spec?.holderIdentity ?? '',
    ),
    ageColumn,
  ],
  hooks: { validate: validateLease },
});

function validateLease(object: KubeObject): readonly StatusCause[] {
  const { leaseDurationSeconds, leaseTransitions } = (object as Lease).spec ?? {};
  const causes: StatusCause[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    const detail = 'must be greater than 0';
    causes.push(fieldError.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, detail));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    const detail = 'must be greater than or equal to 0';
    causes.push(fieldError.invalid('spec.leaseTransitions', leaseTransitions, detail));
  }
  return causes;
}
