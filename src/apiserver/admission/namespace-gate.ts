import { StatusError } from '../../api/index.ts';
import type { Entry, Store } from '../../store/index.ts';
import { isRecord, member } from '../api-object.ts';
import { notFound, qualifiedResource, type ResourceName } from '../refusals.ts';
import { resourcePrefix } from '../registry/resource.ts';
import type { Guard } from '../storage/object-store.ts';

interface KnownNamespace {
  readonly modRevision: number;
  readonly terminating: boolean;
}

const namespaces: ResourceName = { group: '', plural: 'namespaces' };
const keyPrefix = resourcePrefix('', 'namespaces');
const maxKnown = 10_000;

/**
 * Lets objects be created only in namespaces that exist and are not being deleted.
 *
 * What is known of a namespace may be out of date: each create is guarded by the revision of its
 * namespace, and a guard that fails tells the newer state. So nothing is ever created in a namespace
 * that is gone or terminating, without a read for each create.
 */
export class NamespaceGate {
  readonly #store: Store;
  readonly #known = new Map<string, KnownNamespace>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The guard for a create in a namespace. Throws StatusError 404, 403. */
  async admit(namespace: string, resource: ResourceName, name: string): Promise<Guard> {
    let known = this.#known.get(namespace);
    // Only a permission is checked again by its guard; a refusal must be fresh.
    if (known === undefined || known.terminating) {
      this.learn(namespace, await this.#store.get(keyPrefix + namespace));
      known = this.#known.get(namespace);
    }
    if (known === undefined) throw notFound(namespaces, namespace);
    if (known.terminating) throw terminating(namespace, resource, name);
    return { key: keyPrefix + namespace, modRevision: known.modRevision };
  }

  /** Takes in what the store says of a namespace now. */
  learn(namespace: string, entry: Entry | undefined): void {
    this.#known.delete(namespace);
    if (entry === undefined) return;
    if (this.#known.size >= maxKnown) this.#known.clear();
    const object: unknown = JSON.parse(Buffer.from(entry.value).toString());
    const deleted = member(member(object, 'metadata'), 'deletionTimestamp') !== undefined;
    const phase = isRecord(object) ? member(object['status'], 'phase') : undefined;
    this.#known.set(namespace, {
      modRevision: entry.modRevision,
      terminating: deleted || phase === 'Terminating',
    });
  }
}

function terminating(namespace: string, resource: ResourceName, name: string): StatusError {
  const message = `${qualifiedResource(resource)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
  return new StatusError(403, 'Forbidden', message, {
    details: {
      name,
      ...(resource.group === '' ? {} : { group: resource.group }),
      kind: resource.plural,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
