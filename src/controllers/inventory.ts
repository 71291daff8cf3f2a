import type { KubeObject } from '../api/index.ts';
import { createInformer, type Informer, type ResourceRef } from '../client/index.ts';
import { abortable, deferred } from '../lib/wait.ts';
import { WorkQueue } from '../lib/work-queue.ts';
import type { ControllerContext } from './context.ts';
import { discoverResources, type Resource } from './discover-resources.ts';

export interface InventoryHandlers {
  /** Added or updated; only apiVersion, kind and the metadata that identify and own are there. */
  readonly changed: (resource: Resource, object: KubeObject) => void;
  readonly deleted: (resource: Resource, object: KubeObject) => void;
}

interface CustomResourceDefinition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly served: boolean }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const crds: ResourceRef<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

interface Watched {
  readonly resource: Resource;
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
  readonly stopped: Promise<void>;
}

const discovery = 'discovery';

/**
 * The metadata of all objects of all resources that the API server has, CRDs' included.
 *
 * Owns one informer per resource that can be listed, watched and deleted; Events have none.
 *
 * Invariants:
 * 1. The resources follow discovery: a CRD that is established gets an informer, one that is gone
 *    loses it, and the objects still known of it are reported as deleted.
 * 2. Where discovery lags behind the CRDs that are already known, it is asked again.
 */
export class Inventory {
  readonly #context: Pick<ControllerContext, 'client' | 'clock' | 'log'>;
  readonly #watched = new Map<string, Watched>();
  readonly #handlers = new Set<InventoryHandlers>();
  readonly #crds: Informer<CustomResourceDefinition>;
  /** `group/plural` of each CRD that was ever seen. */
  readonly #custom = new Set<string>();
  readonly #queue: WorkQueue;
  readonly #discovered = deferred<void>();
  #resources: readonly Resource[] = [];
  #kinds = new Map<string, Resource>();

  constructor(context: Pick<ControllerContext, 'client' | 'clock' | 'log'>) {
    const { client, clock, log } = context;
    this.#context = context;
    this.#crds = createInformer({ resource: client.resource(crds), clock, log });
    this.#queue = new WorkQueue({ clock, log, concurrency: 1 }, (_, signal) =>
      this.#discover(signal),
    );
  }

  /** Follows the API server until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const changed = (): void => this.#queue.add(discovery);
    this.#crds.handle({ added: changed, updated: changed, deleted: changed });
    changed();
    const crdsWatched = this.#crds.run(signal);
    await this.#queue.run(signal);
    for (const { stop } of this.#watched.values()) stop.abort();
    await Promise.all([crdsWatched, ...[...this.#watched.values()].map(({ stopped }) => stopped)]);
  }

  /** Resolves when all resources known by then have been listed. */
  async synced(signal: AbortSignal): Promise<void> {
    await abortable(this.#discovered.promise, signal);
    const missing = [...this.#watched.values()].filter(({ informer }) => !informer.hasSynced());
    if (missing.length > 0) await Promise.all(missing.map((watched) => listed(watched, signal)));
  }

  /** All resources that can be deleted, Events too. */
  resources(): readonly Resource[] {
    return this.#resources;
  }

  /** The resource of an owner reference, whatever version it names. */
  find(apiVersion: string, kind: string): Resource | undefined {
    return this.#kinds.get(kindKey(groupOf(apiVersion), kind));
  }

  /** How many objects are known in a namespace, of one resource or (left out) of all. */
  countIn(namespace: string, only?: Resource): number {
    let count = 0;
    for (const { resource, informer } of this.#watched.values()) {
      if (!resource.ref.namespaced || (only !== undefined && only.id !== resource.id)) continue;
      count += informer.list(namespace).length;
    }
    return count;
  }

  /** Handlers added later are not told of what is already known; returns their removal. */
  handle(handlers: InventoryHandlers): () => void {
    this.#handlers.add(handlers);
    return () => {
      this.#handlers.delete(handlers);
    };
  }

  async #discover(signal: AbortSignal): Promise<void> {
    const found = await discoverResources(this.#context.client);
    this.#resources = found;
    this.#kinds = new Map(
      found.map((resource) => [kindKey(resource.ref.group, resource.ref.kind), resource]),
    );
    const wanted = new Map(
      found.filter(({ watchable }) => watchable).map((resource) => [resource.id, resource]),
    );
    for (const [id, watched] of this.#watched) {
      if (!wanted.has(id)) await this.#unwatch(id, watched);
    }
    for (const resource of wanted.values()) {
      if (!this.#watched.has(resource.id) && !signal.aborted) this.#watch(resource);
    }
    this.#discovered.resolve();
    this.#assertFollowsCrds(new Set(found.map(({ ref }) => `${ref.group}/${ref.plural}`)));
  }

  #assertFollowsCrds(found: ReadonlySet<string>): void {
    const present = new Set<string>();
    for (const crd of this.#crds.list()) {
      const id = `${crd.spec.group}/${crd.spec.names.plural}`;
      present.add(id);
      this.#custom.add(id);
      const established = crd.status?.conditions?.some(
        ({ type, status }) => type === 'Established' && status === 'True',
      );
      const served = crd.spec.versions.some((version) => version.served);
      if (established === true && served && !found.has(id)) {
        throw new Error(`Cannot find resource "${id}" yet: discovery lags behind its definition`);
      }
    }
    for (const id of this.#custom) {
      if (present.has(id)) continue;
      if (found.has(id)) {
        throw new Error(`Discovery still has resource "${id}", whose definition is gone`);
      }
      this.#custom.delete(id);
    }
  }

  #watch(resource: Resource): void {
    const { client, clock, log } = this.#context;
    const informer = createInformer({
      resource: client.resource(resource.ref),
      transform: ownership,
      clock,
      log,
    });
    const changed = (object: KubeObject): void => {
      for (const handlers of this.#handlers) handlers.changed(resource, object);
    };
    informer.handle({
      added: changed,
      updated: changed,
      deleted: (object) => this.#deleted(resource, object),
    });
    const stop = new AbortController();
    this.#watched.set(resource.id, {
      resource,
      informer,
      stop,
      stopped: informer.run(stop.signal),
    });
  }

  async #unwatch(id: string, { resource, informer, stop, stopped }: Watched): Promise<void> {
    this.#watched.delete(id);
    stop.abort();
    await stopped;
    for (const object of informer.list()) this.#deleted(resource, object);
  }

  #deleted(resource: Resource, object: KubeObject): void {
    for (const handlers of this.#handlers) handlers.deleted(resource, object);
  }
}

/** Resolves also when the resource goes away meanwhile. */
function listed({ informer, stop }: Watched, signal: AbortSignal): Promise<void> {
  return informer.synced(AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
    if (signal.aborted) throw error;
  });
}

/** What of an object says who it is, whose it is, and whether it is being deleted. */
function ownership({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  const { ownerReferences, deletionTimestamp, finalizers } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(finalizers === undefined ? {} : { finalizers }),
    },
  };
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`;
}
