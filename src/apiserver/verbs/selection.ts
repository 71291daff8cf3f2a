import {
  parseFieldSelector,
  parseLabelSelector,
  type KubeObject,
  type ResourceDescriptor,
} from '../../api/index.ts';
import type { ApiObject } from '../api-object.ts';
import { badRequest } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';

/** Which objects of a collection a request is about. */
export interface Selection {
  /** True when nothing is left out. */
  readonly all: boolean;
  readonly matches: (object: ApiObject) => boolean;
  /** The only name that can match, when the field selector says so. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

const metadataFields: Readonly<Record<string, (object: KubeObject) => string>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace ?? '',
};

/** Reads labelSelector and fieldSelector. Throws StatusError 400. */
export function parseSelection(
  query: URLSearchParams,
  { apiVersion, descriptor }: { apiVersion: string; descriptor: ResourceDescriptor },
): Selection {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '').map((requirement) => {
    const { field, op, value } = requirement;
    const read = metadataFields[field] ?? descriptor.fieldLabels[field];
    if (read === undefined) {
      throw badRequest(
        descriptor.origin === 'custom'
          ? `field label not supported: ${field}`
          : `field label not supported for ${apiVersion}, Kind=${descriptor.kind}: ${field}`,
      );
    }
    return { field, value, wanted: op === '=', read };
  });
  const exact = (name: string): string | undefined =>
    fields.find(({ field, wanted }) => field === name && wanted)?.value;
  return {
    all: labels.requirements.length === 0 && fields.length === 0,
    matches: (object) =>
      labels.matches(object.metadata.labels) &&
      fields.every(({ value, wanted, read }) => (read(object) === value) === wanted),
    name: exact('metadata.name'),
    namespace: exact('metadata.namespace'),
  };
}

/** The key of the only object below a prefix that can match; undefined where there may be several. */
export function onlyKey(
  resource: Resource,
  prefix: string,
  { name }: Selection,
): string | undefined {
  if (name === undefined || name === '' || name.includes('/')) return undefined;
  const allNamespaces = resource.descriptor.namespaced && prefix === resource.prefix;
  return allNamespaces ? undefined : prefix + name;
}
