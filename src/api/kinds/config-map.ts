import type { ConfigMap } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { dataLimitBytes, decodedLength, immutableCauses, keyCauses } from './keyed-data.ts';

export const configMapDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.ConfigMap',
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  columns: [
    nameColumn,
    column('Data', 'integer', 'How many keys it has', (object) => {
      const { data = {}, binaryData = {} } = object as ConfigMap;
      return Object.keys(data).length + Object.keys(binaryData).length;
    }),
    ageColumn,
  ],
  hooks: {
    validate: validateConfigMap,
    validateUpdate: (object, old) => immutableCauses(object, old, ['data', 'binaryData']),
  },
});

function validateConfigMap(object: KubeObject): readonly StatusCause[] {
  const { data = {}, binaryData = {} } = object as ConfigMap;
  const causes = [...keyCauses(data, 'data'), ...keyCauses(binaryData, 'binaryData')];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    size += Buffer.byteLength(value);
    if (!Object.hasOwn(binaryData, key)) continue;
    causes.push(fieldError.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  }
  for (const value of Object.values(binaryData)) size += decodedLength(value);
  if (size > dataLimitBytes) causes.push(fieldError.tooLong('', dataLimitBytes));
  return causes;
}
