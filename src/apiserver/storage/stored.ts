import type { ApiObject } from '../api-object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Payload } from '../request.ts';

/**
 * One version of one object as the store has it, seen as one served version of its kind.
 *
 * The resourceVersion is not in the stored bytes: it is put in on the way out, into the text where
 * nothing else needs the parsed object.
 */
export class Stored implements Payload {
  readonly resource: Resource;
  readonly key: string;
  readonly revision: number;
  readonly #bytes: Uint8Array;
  #object: ApiObject | undefined;

  constructor(resource: Resource, key: string, bytes: Uint8Array, revision: number) {
    this.resource = resource;
    this.key = key;
    this.revision = revision;
    this.#bytes = bytes;
  }

  /** The object, parsed once. Shared: nobody may change it. */
  get object(): ApiObject {
    this.#object ??= parseStored(this.#bytes, this.resource, this.revision);
    return this.#object;
  }

  value(): unknown {
    return this.object;
  }

  bytes(): Uint8Array {
    const { lead } = this.resource;
    const bytes = this.#bytes;
    if (lead.compare(bytes, 0, Math.min(lead.length, bytes.length)) !== 0) {
      return Buffer.from(JSON.stringify(this.object));
    }
    const version = Buffer.from(`"resourceVersion":"${this.revision}",`);
    return Buffer.concat([lead, version, bytes.subarray(lead.length)]);
  }

  /** The same state under another resourceVersion: what a DELETED event shows. */
  at(revision: number): Stored {
    return new Stored(this.resource, this.key, this.#bytes, revision);
  }

  /** The same stored value seen as another version of its kind. */
  as(resource: Resource): Stored {
    return resource === this.resource
      ? this
      : new Stored(resource, this.key, this.#bytes, this.revision);
  }
}

function parseStored(bytes: Uint8Array, resource: Resource, revision: number): ApiObject {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const object = JSON.parse(text) as ApiObject;
  return {
    ...object,
    apiVersion: resource.apiVersion,
    metadata: { ...object.metadata, resourceVersion: String(revision) },
  };
}

/**
 * The bytes to store: first the members that `Resource.lead` expects, no resourceVersion. `name`
 * comes first in the metadata, which is never empty, so that a member can be put before it.
 */
export function encodeStored(resource: Resource, object: ApiObject): Uint8Array {
  const { apiVersion: _version, kind, metadata, ...rest } = object;
  const { resourceVersion: _revision, name, ...meta } = metadata;
  return Buffer.from(
    JSON.stringify({
      apiVersion: resource.storageApiVersion,
      kind,
      metadata: { name, ...meta },
      ...rest,
    }),
  );
}
