import type { StatusCause } from '../object.ts';
import { child, fieldError } from '../schema/field-error.ts';
import { parseQuantity } from '../quantity.ts';
import {
  dns1123LabelErrors,
  labelValueErrors,
  portNameErrors,
  qualifiedNameErrors,
  relaxedEnvVarNameErrors,
} from '../validation-names.ts';
import { isPort, portRange } from './port.ts';
import { type ProbedContainer, validateHandler, validateProbes } from './probe-validation.ts';

type Members = Readonly<Record<string, unknown>>;

/** The members of a container that have rules; their types have been checked. */
export interface CheckedContainer extends ProbedContainer {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly hostPort?: number;
  }[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: Members;
  }[];
  readonly envFrom?: readonly Members[];
  readonly resources?: {
    readonly limits?: Readonly<Record<string, string | number>>;
    readonly requests?: Readonly<Record<string, string | number>>;
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
  readonly lifecycle?: { readonly postStart?: Members; readonly preStop?: Members };
}

interface Where {
  /** Of the pod's spec. */
  readonly path: string;
  readonly volumeNames: ReadonlySet<string>;
}

/** The rules of all containers of a pod, whose names share one space. */
export function validateContainers(
  containers: readonly CheckedContainer[],
  initContainers: readonly CheckedContainer[],
  where: Where,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const names = new Set<string>();
  const lists = [
    ['containers', containers],
    ['initContainers', initContainers],
  ] as const;
  for (const [list, members] of lists) {
    for (const [i, container] of members.entries()) {
      const path = `${where.path}.${list}[${i}]`;
      for (const message of dns1123LabelErrors(container.name)) {
        causes.push(fieldError.invalid(`${path}.name`, container.name, message));
      }
      if (names.has(container.name)) {
        causes.push(fieldError.duplicate(`${path}.name`, container.name));
      }
      names.add(container.name);
      causes.push(...validateContainer(container, path, where.volumeNames));
    }
  }
  return causes;
}

function validateContainer(
  container: CheckedContainer,
  path: string,
  volumeNames: ReadonlySet<string>,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const image = container.image ?? '';
  if (image === '') causes.push(fieldError.required(`${path}.image`));
  else if (image.trim() !== image) {
    const detail = 'must not have leading or trailing whitespace';
    causes.push(fieldError.invalid(`${path}.image`, image, detail));
  }
  for (const when of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[when];
    if (handler !== undefined) {
      causes.push(...validateHandler(handler, `${path}.lifecycle.${when}`));
    }
  }
  causes.push(
    ...validateProbes(container, path),
    ...validatePorts(container.ports ?? [], `${path}.ports`),
    ...validateEnv(container.env ?? [], `${path}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`),
    ...validateMounts(container.volumeMounts ?? [], `${path}.volumeMounts`, volumeNames),
    ...validateResources(container.resources ?? {}, `${path}.resources`),
  );
  return causes;
}

function validatePorts(
  ports: NonNullable<CheckedContainer['ports']>,
  path: string,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const names = new Set<string>();
  for (const [i, { name = '', containerPort, hostPort = 0 }] of ports.entries()) {
    const at = `${path}[${i}]`;
    if (name !== '') {
      const messages = portNameErrors(name);
      for (const message of messages) causes.push(fieldError.invalid(`${at}.name`, name, message));
      if (messages.length === 0 && names.has(name)) {
        causes.push(fieldError.duplicate(`${at}.name`, name));
      }
      names.add(name);
    }
    if (containerPort === 0) causes.push(fieldError.required(`${at}.containerPort`));
    else if (!isPort(containerPort)) {
      causes.push(fieldError.invalid(`${at}.containerPort`, containerPort, portRange));
    }
    if (hostPort !== 0 && !isPort(hostPort)) {
      causes.push(fieldError.invalid(`${at}.hostPort`, hostPort, portRange));
    }
  }
  return causes;
}

const envSources = [
  'fieldRef',
  'resourceFieldRef',
  'configMapKeyRef',
  'secretKeyRef',
  'fileKeyRef',
] as const;

/** Fields of a pod that an environment variable may show; labels and annotations by key too. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

function validateEnv(
  env: NonNullable<CheckedContainer['env']>,
  path: string,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const [i, { name, value = '', valueFrom }] of env.entries()) {
    for (const message of relaxedEnvVarNameErrors(name)) {
      causes.push(fieldError.invalid(`${path}[${i}].name`, name, message));
    }
    if (valueFrom === undefined) continue;
    const at = `${path}[${i}].valueFrom`;
    const given = envSources.filter((source) => valueFrom[source] !== undefined);
    if (given.length === 0) {
      const detail =
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
      causes.push(fieldError.invalid(at, '', detail));
    } else if (value !== '') {
      causes.push(fieldError.invalid(at, '', 'may not be specified when `value` is not empty'));
    } else if (given.length > 1) {
      const detail = 'may not have more than one field specified at a time';
      causes.push(fieldError.invalid(at, '', detail));
    }
    causes.push(...validateEnvSource(valueFrom, at));
  }
  return causes;
}

function validateEnvSource(from: Members, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const ref = from[source] as { readonly name?: string } | undefined;
    if (ref !== undefined && (ref.name ?? '') === '') {
      causes.push(fieldError.required(`${path}.${source}.name`));
    }
  }
  const fieldPath = (from['fieldRef'] as { readonly fieldPath?: string } | undefined)?.fieldPath;
  if (fieldPath === undefined) return causes;
  const keyed = /^metadata\.(?:labels|annotations)\['([^']*)'\]$/.exec(fieldPath);
  if (keyed !== null) {
    for (const message of qualifiedNameErrors((keyed[1] ?? '').toLowerCase())) {
      causes.push(fieldError.invalid(`${path}.fieldRef`, keyed[1], message));
    }
  } else if (!envFields.includes(fieldPath)) {
    causes.push(fieldError.notSupported(`${path}.fieldRef.fieldPath`, fieldPath, envFields));
  }
  return causes;
}

function validateEnvFrom(sources: readonly Members[], path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  for (const [i, source] of sources.entries()) {
    const at = `${path}[${i}]`;
    const given = (['configMapRef', 'secretRef'] as const).filter(
      (one) => source[one] !== undefined,
    );
    if (given.length === 0) {
      causes.push(fieldError.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (given.length > 1) {
      const detail = 'may not have more than one field specified at a time';
      causes.push(fieldError.invalid(at, '', detail));
    }
    for (const one of given) {
      const ref = source[one] as { readonly name?: string };
      if ((ref.name ?? '') === '') causes.push(fieldError.required(`${at}.${one}.name`));
    }
    const prefix = source['prefix'];
    if (typeof prefix === 'string' && prefix !== '') {
      for (const message of relaxedEnvVarNameErrors(prefix)) {
        causes.push(fieldError.invalid(`${at}.prefix`, prefix, message));
      }
    }
  }
  return causes;
}

function validateMounts(
  mounts: NonNullable<CheckedContainer['volumeMounts']>,
  path: string,
  volumeNames: ReadonlySet<string>,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const places = new Set<string>();
  for (const [i, { name, mountPath, subPath = '' }] of mounts.entries()) {
    const at = `${path}[${i}]`;
    if (!volumeNames.has(name)) causes.push(fieldError.notFound(`${at}.name`, name));
    if (places.has(mountPath)) {
      causes.push(fieldError.invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    }
    places.add(mountPath);
    if (subPath.startsWith('/')) {
      causes.push(fieldError.invalid(`${at}.subPath`, subPath, 'must be a relative path'));
    } else if (subPath.split('/').includes('..')) {
      causes.push(fieldError.invalid(`${at}.subPath`, subPath, "must not contain '..'"));
    }
  }
  return causes;
}

const standardResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

function validateResources(
  resources: NonNullable<CheckedContainer['resources']>,
  path: string,
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const { limits = {}, requests = {} } = resources;
  for (const [list, quantities] of Object.entries({ limits, requests })) {
    for (const [name, value] of Object.entries(quantities)) {
      const at = `${path}.${list}[${name}]`;
      causes.push(...validateResourceName(name, child(path, list)));
      if (parseQuantity(String(value)).compare(parseQuantity('0')) < 0) {
        const detail = 'must be greater than or equal to 0';
        causes.push(fieldError.invalid(at, String(value), detail));
      }
    }
  }
  for (const [name, value] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined) continue;
    if (parseQuantity(String(value)).compare(parseQuantity(String(limit))) > 0) {
      const detail = `must be less than or equal to ${name} limit of ${String(limit)}`;
      causes.push(fieldError.invalid(`${path}.requests`, String(value), detail));
    }
  }
  return causes;
}

function validateResourceName(name: string, path: string): readonly StatusCause[] {
  if (standardResources.has(name) || name.startsWith('hugepages-')) return [];
  if (!name.includes('/')) {
    const detail = 'must be a standard resource type or fully qualified';
    return [
      fieldError.invalid(path, name, detail),
      fieldError.invalid(path, name, 'must be a standard resource for containers'),
    ];
  }
  const [, suffix = ''] = name.split('/');
  return [...qualifiedNameErrors(name), ...labelValueErrors(suffix)].map((message) =>
    fieldError.invalid(path, name, message),
  );
}
