import { isStatus, type KubeObject, type OwnerReference } from '../../api/index.ts';
import { type DeleteOptions, EventRecorder } from '../../client/index.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import type { ControllerContext } from '../context.ts';
import type { Resource } from '../discover-resources.ts';
import type { Inventory } from '../inventory.ts';
import { runTogether } from '../../lib/run-together.ts';
import { AbsentOwners } from './absent-owners.ts';
import {
  foregroundFinalizer,
  type GraphNode,
  orphanFinalizer,
  orphansDependents,
  OwnerGraph,
  waitsForDependents,
} from './owner-graph.ts';

export interface GarbageCollectorOptions extends Omit<ControllerContext, 'informers'> {
  /** Run by whoever made it. */
  readonly inventory: Inventory;
}

const workers = 16;
/** How soon to look again after someone else wrote to the object meanwhile. */
const conflictRetryMs = 5;

/** Deletes what has lost all of its owners, and serves foreground and orphan deletion. */
export async function runGarbageCollector(
  options: GarbageCollectorOptions,
  signal: AbortSignal,
): Promise<void> {
  await new GarbageCollector(options).run(signal);
}

/** What an object's owners are, asked of the API server. */
interface Owners {
  readonly solid: readonly OwnerReference[];
  readonly absent: readonly OwnerReference[];
  /** In foreground deletion: they wait for this object to be gone. */
  readonly waiting: readonly OwnerReference[];
}

/**
 * The garbage collector, after kubernetes pkg/controller/garbagecollector.
 *
 * Owns the graph of owners and the queue of objects (by uid) whose fate may be decided.
 *
 * Invariants:
 * 1. The graph only says where to look: an object is deleted only after the API server has said that
 *    it is still that object and that none of its owners is there, and only at that version of it.
 * 2. Owners are matched by uid, in the dependent's own namespace or in none.
 * 3. Nothing is decided before every resource has been listed once.
 */
class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  readonly #graph = new OwnerGraph();
  readonly #absent = new AbsentOwners();
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;

  constructor(options: GarbageCollectorOptions) {
    const log = options.log.child({ controller: 'garbage-collector' });
    this.#options = { ...options, log };
    this.#events = new EventRecorder({
      ...options,
      log,
      component: 'garbage-collector-controller',
    });
    this.#queue = new WorkQueue(
      { clock: options.clock, log, concurrency: workers },
      (uid, signal) => this.#reconcile(uid, signal),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const remove = this.#options.inventory.handle({
      changed: (resource, object) => this.#enqueue(this.#graph.put(nodeOf(resource, object))),
      deleted: (_, { metadata }) => {
        const { uid = '', namespace = '' } = metadata;
        if (this.#graph.dependents(uid).length > 0) this.#absent.add(uid, namespace);
        this.#enqueue(this.#graph.remove(uid));
      },
    });
    try {
      await runTogether(
        [(running) => this.#queue.run(running), (running) => this.#events.run(running)],
        signal,
      );
    } finally {
      remove();
    }
  }

  #enqueue(uids: readonly string[]): void {
    for (const uid of uids) this.#queue.add(uid);
  }

  async #reconcile(uid: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    await this.#options.inventory.synced(signal);
    const node = this.#graph.get(uid);
    if (node === undefined) return;
    try {
      if (orphansDependents(node)) await this.#orphanDependents(node);
      else if (waitsForDependents(node)) await this.#finishForeground(node);
      else if (!node.deleting && !this.#graph.hasSolidOwners(node)) await this.#judge(node);
    } catch (error) {
      if (isStatus(error, 'Conflict')) return { requeueAfterMs: conflictRetryMs };
      // It is gone: its deletion is on its way to the graph.
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }

  /** Deletes the object if no owner is left, or takes the references to absent owners from it. */
  async #judge(node: GraphNode): Promise<void> {
    const live = await this.#live(node);
    if (live === undefined || live.metadata.deletionTimestamp !== undefined) return;
    const owners = await this.#classify(node, live.metadata.ownerReferences ?? []);
    const { solid, absent, waiting } = owners;
    if (solid.length > 0) {
      const gone = new Set([...absent, ...waiting].map(({ uid }) => uid));
      if (gone.size > 0) {
        await this.#patchOwners(node, live, (references) =>
          references.filter(({ uid }) => !gone.has(uid)),
        );
      }
      return;
    }
    if (absent.length + waiting.length === 0) return;
    const dependents = this.#graph.dependents(node.uid);
    if (waiting.length > 0 && dependents.length > 0) {
      await this.#breakCircle(node, live, dependents);
      return;
    }
    await this.#delete(node, live, policyOf(live));
  }

  /** An owner waits for an object that has dependents of its own: those go first, too. */
  async #breakCircle(
    node: GraphNode,
    live: KubeObject,
    dependents: readonly GraphNode[],
  ): Promise<void> {
    let current = live;
    if (dependents.some(waitsForDependents)) {
      // One that waits for us may be, in a circle, whom we would wait for: do not block any owner.
      current = await this.#patchOwners(node, live, (references) =>
        references.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
      );
    }
    await this.#delete(node, current, 'Foreground');
  }

  async #classify(node: GraphNode, references: readonly OwnerReference[]): Promise<Owners> {
    const solid: OwnerReference[] = [];
    const absent: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const reference of references) {
      const state = await this.#ownerState(node, reference);
      if (state === 'solid') solid.push(reference);
      else if (state === 'absent') absent.push(reference);
      else waiting.push(reference);
    }
    return { solid, absent, waiting };
  }

  async #ownerState(
    node: GraphNode,
    reference: OwnerReference,
  ): Promise<'solid' | 'absent' | 'waiting'> {
    const { inventory, client } = this.#options;
    if (this.#absent.has(reference.uid, node.namespace)) return 'absent';
    const resource = inventory.find(reference.apiVersion, reference.kind);
    if (resource === undefined) {
      // Perhaps its definition is about to come: to delete on that ground would be wrong.
      throw new Error(
        `Cannot look up owner "${reference.name}": no kind ${reference.kind} in ${reference.apiVersion}`,
      );
    }
    if (resource.ref.namespaced && node.namespace === '') {
      this.#reportNamespace(node, reference);
      return 'solid';
    }
    const key = resource.ref.namespaced
      ? { namespace: node.namespace, name: reference.name }
      : { name: reference.name };
    const owner = await client.resource(resource.ref).find(key);
    if (owner?.metadata.uid === reference.uid) {
      const { deletionTimestamp, finalizers = [] } = owner.metadata;
      const waits = deletionTimestamp !== undefined && finalizers.includes(foregroundFinalizer);
      return waits ? 'waiting' : 'solid';
    }
    const elsewhere = this.#graph.get(reference.uid);
    if (elsewhere !== undefined && elsewhere.namespace !== node.namespace) {
      this.#reportNamespace(node, reference);
    }
    this.#absent.add(reference.uid, node.namespace);
    return 'absent';
  }

  /** Takes the owner from all dependents, then lets it go. */
  async #orphanDependents(owner: GraphNode): Promise<void> {
    const results = await Promise.allSettled(
      this.#graph.dependents(owner.uid).map(async (node) => {
        const live = await this.#live(node);
        if (live === undefined) return;
        await this.#patchOwners(node, live, (references) =>
          references.filter(({ uid }) => uid !== owner.uid),
        );
      }),
    );
    for (const result of results) {
      if (result.status === 'rejected' && !isStatus(result.reason, 'NotFound')) {
        throw result.reason as Error;
      }
    }
    await this.#removeFinalizer(owner, orphanFinalizer);
  }

  /** Lets the owner go once no dependent blocks it. */
  async #finishForeground(owner: GraphNode): Promise<void> {
    const blockers = this.#graph.blockers(owner.uid);
    if (blockers.length === 0) {
      await this.#removeFinalizer(owner, foregroundFinalizer);
      return;
    }
    this.#enqueue(blockers.filter((node) => !node.deleting).map(({ uid }) => uid));
  }

  async #live(node: GraphNode): Promise<KubeObject | undefined> {
    const live = await this.#options.client.resource(node.resource.ref).find(keyOf(node));
    return live?.metadata.uid === node.uid ? live : undefined;
  }

  async #patchOwners(
    node: GraphNode,
    live: KubeObject,
    change: (references: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<KubeObject> {
    const left = change(live.metadata.ownerReferences ?? []);
    return await this.#patch(node, live, { ownerReferences: left.length === 0 ? null : left });
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#live(node);
    const finalizers = live?.metadata.finalizers ?? [];
    if (live === undefined || !finalizers.includes(finalizer)) return;
    const left = finalizers.filter((name) => name !== finalizer);
    await this.#patch(node, live, { finalizers: left.length === 0 ? null : left });
  }

  async #patch(node: GraphNode, live: KubeObject, metadata: object): Promise<KubeObject> {
    const { uid, resourceVersion } = live.metadata;
    return await this.#options.client
      .resource(node.resource.ref)
      .patch(keyOf(node), { metadata: { ...metadata, uid, resourceVersion } }, { type: 'merge' });
  }

  async #delete(
    node: GraphNode,
    live: KubeObject,
    propagationPolicy: NonNullable<DeleteOptions['propagationPolicy']>,
  ): Promise<void> {
    const { resourceVersion = '' } = live.metadata;
    const preconditions = { uid: node.uid, resourceVersion };
    await this.#options.client
      .resource(node.resource.ref)
      .delete(keyOf(node), { propagationPolicy, preconditions });
  }

  #reportNamespace(node: GraphNode, reference: OwnerReference): void {
    const { apiVersion, kind, name, uid } = reference;
    const { ref } = node.resource;
    const object: KubeObject = {
      apiVersion: ref.group === '' ? ref.version : `${ref.group}/${ref.version}`,
      kind: ref.kind,
      metadata: {
        name: node.name,
        uid: node.uid,
        ...(node.namespace === '' ? {} : { namespace: node.namespace }),
      },
    };
    this.#events.report(object, {
      type: 'Warning',
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [${apiVersion}/${kind}, namespace: ${node.namespace}, name: ${name}, uid: ${uid}] does not exist in namespace "${node.namespace}"`,
    });
  }
}

function nodeOf(resource: Resource, { metadata }: KubeObject): GraphNode {
  return {
    uid: metadata.uid ?? '',
    resource,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    owners: metadata.ownerReferences ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
  };
}

function keyOf({ namespace, name }: GraphNode): {
  readonly namespace?: string;
  readonly name: string;
} {
  return namespace === '' ? { name } : { namespace, name };
}

/** What the object's own finalizers ask for; else its dependents are left to a later look. */
function policyOf({ metadata }: KubeObject): 'Background' | 'Foreground' | 'Orphan' {
  if (metadata.finalizers?.includes(orphanFinalizer) === true) return 'Orphan';
  if (metadata.finalizers?.includes(foregroundFinalizer) === true) return 'Foreground';
  return 'Background';
}
