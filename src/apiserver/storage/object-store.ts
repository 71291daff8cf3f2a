import type { Entry, Store, Transaction } from '../../store/index.ts';
import type { ApiObject } from '../api-object.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import { encodeStored, Stored } from './stored.ts';

/** A further key that must not have changed for a write to hold. */
export interface Guard {
  readonly key: string;
  readonly modRevision: number;
}

export type WriteResult =
  | { readonly kind: 'written'; readonly stored: Stored }
  /** Someone else was first; what is there now, undefined when nothing is. */
  | { readonly kind: 'conflict'; readonly current: Stored | undefined }
  | { readonly kind: 'guard-failed'; readonly current: Entry | undefined };

export interface NewObject {
  readonly object: ApiObject;
  readonly guard: Guard | undefined;
}

/** Objects of kinds over the keys and bytes of the store; every write is a compare-and-swap. */
export class ObjectStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async get(
    resource: Resource,
    namespace: string | undefined,
    name: string,
  ): Promise<Stored | undefined> {
    const key = objectKey(resource, namespace, name);
    const entry = await this.#store.get(key);
    return entry && new Stored(resource, key, entry.value, entry.modRevision);
  }

  /** Writes an object that does not exist yet. */
  create(resource: Resource, { object, guard }: NewObject): Promise<WriteResult> {
    const { namespace, name } = object.metadata;
    const key = objectKey(resource, namespace, name);
    const value = encodeStored(resource, object);
    const compare = [{ key, modRevision: 0 }];
    if (guard !== undefined) compare.push(guard);
    return this.#commit(resource, { compare, writes: [{ kind: 'put', key, value }] });
  }

  /** Replaces exactly the version that was read. */
  replace(current: Stored, object: ApiObject): Promise<WriteResult> {
    const { key, revision, resource } = current;
    const value = encodeStored(resource, object);
    return this.#commit(resource, {
      compare: [{ key, modRevision: revision }],
      writes: [{ kind: 'put', key, value }],
    });
  }

  /** Removes exactly the version that was read; the result shows it at the revision of the removal. */
  remove(current: Stored): Promise<WriteResult> {
    const { key, revision, resource } = current;
    return this.#commit(
      resource,
      { compare: [{ key, modRevision: revision }], writes: [{ kind: 'delete', key }] },
      current,
    );
  }

  async #commit(
    resource: Resource,
    transaction: Transaction,
    removed?: Stored,
  ): Promise<WriteResult> {
    const result = await this.#store.commit(transaction);
    const [write] = transaction.writes;
    const key = write?.key ?? '';
    if (result.kind === 'committed') {
      if (removed !== undefined) return { kind: 'written', stored: removed.at(result.revision) };
      const value = write?.kind === 'put' ? write.value : new Uint8Array();
      return { kind: 'written', stored: new Stored(resource, key, value, result.revision) };
    }
    const { current } = result;
    if (result.key !== key) return { kind: 'guard-failed', current };
    return {
      kind: 'conflict',
      current: current && new Stored(resource, key, current.value, current.modRevision),
    };
  }
}
