import type { ResourceDescriptor } from '../../api/index.ts';

/** One served version of one kind: its descriptor with what storage and serving need beside it. */
export interface Resource {
  readonly descriptor: ResourceDescriptor;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** The version that values are stored in; the same for all versions of one kind. */
  readonly storageApiVersion: string;
  /** All keys of the kind begin with this: `/registry/apps/replicasets/`. */
  readonly prefix: string;
  /** The first bytes of each value that is stored in this very version, up to and with `"metadata":{`. */
  readonly lead: Buffer;
  /** Changes whenever the definition does; for ETags. */
  readonly fingerprint: string;
  /** The kind is on its way out: nothing new may be created. */
  readonly terminating: boolean;
}

interface ResourceOptions {
  readonly storageVersion: string;
  readonly fingerprint: string;
  readonly terminating: boolean;
}

export const registryPrefix = '/registry/';

export function makeResource(descriptor: ResourceDescriptor, options: ResourceOptions): Resource {
  const apiVersion = joinApiVersion(descriptor.group, descriptor.version);
  const head = JSON.stringify({ apiVersion, kind: descriptor.kind });
  return {
    descriptor,
    apiVersion,
    storageApiVersion: joinApiVersion(descriptor.group, options.storageVersion),
    prefix: resourcePrefix(descriptor.group, descriptor.plural),
    lead: Buffer.from(`${head.slice(0, -1)},"metadata":{`),
    fingerprint: options.fingerprint,
    terminating: options.terminating,
  };
}

export function joinApiVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Groups of CRDs have a dot, so none can be called `core`. */
export function resourcePrefix(group: string, plural: string): string {
  return `${registryPrefix}${group === '' ? 'core' : group}/${plural}/`;
}

/** The prefix of a namespace's objects; of all objects when there is no namespace. */
export function collectionPrefix(resource: Resource, namespace: string | undefined): string {
  return namespace === undefined ? resource.prefix : `${resource.prefix}${namespace}/`;
}

export function objectKey(resource: Resource, namespace: string | undefined, name: string): string {
  return collectionPrefix(resource, namespace) + name;
}

/** The end of the range of all keys with a prefix that ends in `/`. */
export function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
