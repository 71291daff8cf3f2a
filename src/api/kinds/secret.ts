import type { Secret } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { unchanged } from '../schema/metadata.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn, textLabel } from './columns.ts';
import { dataLimitBytes, decodedLength, immutableCauses, keyCauses } from './keyed-data.ts';

export const secretDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.Secret',
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  columns: [
    nameColumn,
    column('Type', 'string', 'What its data is', (object) => (object as Secret).type ?? ''),
    column(
      'Data',
      'integer',
      'How many keys it has',
      (object) => Object.keys((object as Secret).data ?? {}).length,
    ),
    ageColumn,
  ],
  fieldLabels: { type: textLabel<Secret>((secret) => secret.type) },
  hooks: {
    prepareForCreate: withDefaults,
    prepareForUpdate: withDefaults,
    validate: validateSecret,
    validateUpdate: (object, old) => [
      ...unchanged('type', (object as Secret).type, (old as Secret).type),
      ...immutableCauses(object, old, ['data']),
    ],
  },
});

/** The type is Opaque unless given; stringData, which is never stored, goes into data. */
function withDefaults(object: KubeObject): KubeObject {
  const { stringData, type, ...rest } = object as Secret;
  const secret: Secret = { ...rest, type: type === undefined || type === '' ? 'Opaque' : type };
  if (stringData === undefined) return secret;
  const data: Record<string, string> = { ...secret.data };
  for (const [key, value] of Object.entries(stringData)) {
    data[key] = Buffer.from(value).toString('base64');
  }
  const folded: Secret = { ...secret, data };
  return folded;
}

/** Keys that a Secret of a type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const accountAnnotation = 'kubernetes.io/service-account.name';

function validateSecret(object: KubeObject): readonly StatusCause[] {
  const { data = {}, type = '', metadata } = object as Secret;
  const causes = [...keyCauses(data, 'data')];
  let size = 0;
  for (const value of Object.values(data)) size += decodedLength(value);
  if (size > dataLimitBytes) causes.push(fieldError.tooLong('data', dataLimitBytes));
  for (const key of requiredKeys[type] ?? []) {
    const value = data[key];
    if (value === undefined) causes.push(fieldError.required(`data[${key}]`));
    else if (key.startsWith('.docker') && !isJson(value)) {
      const detail = 'invalid character: the value is not JSON';
      causes.push(fieldError.invalid(`data[${key}]`, '<secret contents redacted>', detail));
    }
  }
  if (type === 'kubernetes.io/basic-auth' && !('username' in data) && !('password' in data)) {
    causes.push(fieldError.required('data[username]'), fieldError.required('data[password]'));
  }
  if (type === 'kubernetes.io/service-account-token') {
    const account = metadata.annotations?.[accountAnnotation] ?? '';
    if (account === '') {
      causes.push(fieldError.required(`metadata.annotations[${accountAnnotation}]`));
    }
  }
  return causes;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString());
    return true;
  } catch {
    return false;
  }
}
