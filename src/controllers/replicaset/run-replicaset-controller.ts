import { isStatus, names, type Pod, type ReplicaSet, selectorFromObject } from '../../api/index.ts';
import { EventRecorder, refs } from '../../client/index.ts';
import { Deferral } from '../../lib/deferral.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import {
  type ControllerContext,
  controllerOf,
  keyOf,
  orphans,
  parseKey,
  podIndex,
} from '../context.ts';
import { isActive, isReady } from '../pod-state.ts';
import { runWhenSynced } from '../run-when-synced.ts';
import { claimPods } from './claim-pods.ts';
import { type Claimed, claimedPods } from './claimed-pods.ts';
import { Expectations } from './expectations.ts';
import { podFromTemplate } from './pod-from-template.ts';
import { choosePodsToDelete } from './ranking.ts';
import { slowStart } from './slow-start.ts';
import { type ManageFailure, nextAvailableMs, nextStatus } from './status.ts';

/** At most this many pods are created or deleted before the result is looked at (upstream's). */
const burstReplicas = 500;
const workers = 16;
/** How long a status may wait while pods start: what they need is to be written first. */
const statusDelayMs = 100;

/** Keeps as many pods of each ReplicaSet as it asks for, until the signal aborts. */
export async function runReplicaSetController(
  context: ControllerContext,
  signal: AbortSignal,
): Promise<void> {
  await new ReplicaSetController(context).run(signal);
}

/**
 * The ReplicaSet controller, after kubernetes pkg/controller/replicaset.
 *
 * Owns the expectations of its own writes and the queue of ReplicaSets.
 *
 * Invariants:
 * 1. Pods are created and deleted only when all earlier writes for that ReplicaSet have come back.
 * 2. Each change of a ReplicaSet or of a pod that it owns or could own leads to a reconcile at once;
 *    timers are only for what time alone changes (minReadySeconds, lost echoes) and for a status
 *    that waits while pods start.
 * 3. Only pods that this ReplicaSet controls are deleted.
 * 4. A pod that is being claimed for a ReplicaSet counts as one of its pods, for a bounded time.
 */
class ReplicaSetController {
  readonly #context: ControllerContext;
  readonly #expectations: Expectations;
  readonly #statuses: Deferral;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  /** Which ReplicaSet counts on a pod that it does not own yet, by the pod's uid. */
  readonly #awaited = new Map<string, string>();

  constructor(context: ControllerContext) {
    const log = context.log.child({ controller: 'replicaset' });
    this.#context = { ...context, log };
    this.#expectations = new Expectations(context.clock);
    this.#statuses = new Deferral(context.clock, statusDelayMs);
    this.#events = new EventRecorder({ ...context, log, component: 'replicaset-controller' });
    this.#queue = new WorkQueue({ clock: context.clock, log, concurrency: workers }, (key) =>
      this.#reconcile(key),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, replicasets } = this.#context.informers;
    const removers = [
      replicasets.handle({
        added: (rs) => this.#queue.add(keyOf(rs)),
        updated: (rs) => this.#queue.add(keyOf(rs)),
        deleted: (rs) => {
          this.#expectations.forget(rs.metadata.uid ?? '');
          this.#queue.add(keyOf(rs));
        },
      }),
      pods.handle({
        added: (pod) => this.#podAdded(pod),
        updated: (pod, previous) => this.#podUpdated(pod, previous),
        deleted: (pod) => this.#podDeleted(pod),
      }),
    ];
    const tasks = [this.#queue, this.#events].map(
      (task) => (running: AbortSignal) => task.run(running),
    );
    await runWhenSynced({ copies: [pods, replicasets], tasks, removers }, signal);
  }

  #podAdded(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod);
      return;
    }
    const owner = this.#ownerOf(pod);
    if (owner !== undefined) {
      this.#expectations.creationObserved(owner.metadata.uid ?? '');
      this.#queue.add(keyOf(owner));
    } else if (controllerOf(pod.metadata) === undefined) {
      this.#enqueueAdopters(pod);
    }
  }

  #podUpdated(pod: Pod, previous: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) this.#podDeleted(pod);
    const owner = this.#ownerOf(pod);
    const previousOwner = this.#ownerOf(previous);
    if (previousOwner !== undefined && previousOwner !== owner) {
      this.#queue.add(keyOf(previousOwner));
    }
    if (owner !== undefined) {
      this.#queue.add(keyOf(owner));
    } else if (controllerOf(pod.metadata) === undefined) {
      this.#enqueueAdopters(pod);
    }
  }

  #podDeleted(pod: Pod): void {
    const waiting = this.#awaited.get(pod.metadata.uid ?? '');
    if (waiting !== undefined) {
      this.#awaited.delete(pod.metadata.uid ?? '');
      this.#queue.add(waiting);
    }
    const owner = this.#ownerOf(pod);
    if (owner === undefined) return;
    this.#expectations.deletionObserved(owner.metadata.uid ?? '', pod.metadata.uid ?? '');
    this.#queue.add(keyOf(owner));
  }

  #ownerOf(pod: Pod): ReplicaSet | undefined {
    const reference = controllerOf(pod.metadata);
    if (reference?.kind !== 'ReplicaSet' || !reference.apiVersion.startsWith('apps/')) {
      return undefined;
    }
    const { namespace } = pod.metadata;
    const owner = this.#context.informers.replicasets.get({
      ...(namespace === undefined ? {} : { namespace }),
      name: reference.name,
    });
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  #enqueueAdopters(pod: Pod): void {
    if (!isActive(pod)) return;
    for (const rs of this.#context.informers.replicasets.list(pod.metadata.namespace)) {
      if (selectorFromObject(rs.spec.selector).matches(pod.metadata.labels)) {
        this.#queue.add(keyOf(rs));
      }
    }
  }

  async #reconcile(key: string): Promise<ReconcileResult | void> {
    const { clock, informers } = this.#context;
    const rs = informers.replicasets.get(parseKey(key));
    if (rs === undefined) {
      this.#statuses.clear(key);
      return;
    }
    const openMs = this.#expectations.openForMs(rs.metadata.uid ?? '');
    const pods = await claimPods(this.#context, rs);
    const claimed = this.#claimed(rs, pods);
    const skipped = openMs > 0 || rs.metadata.deletionTimestamp !== undefined;
    const result = skipped ? ({ kind: 'skipped' } as const) : await this.#manage(rs, pods, claimed);
    const status = nextStatus(rs, { pods, outcome: result, now: clock.now() });
    if (status !== rs.status && isStarting(rs, pods)) this.#statuses.putOff(key);
    const statusMs = result.kind === 'failed' ? 0 : this.#statuses.leftMs(key);
    if (statusMs === 0) await this.#writeStatus(key, rs, status);
    if (result.kind === 'failed') throw result.error;
    const availableMs = nextAvailableMs(rs, pods, clock.now()) ?? 0;
    const waits = [openMs, statusMs, claimed.forMs, availableMs].filter((ms) => ms > 0);
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
  }

  #claimed(rs: ReplicaSet, owned: readonly Pod[]): Claimed {
    const { clock, informers } = this.#context;
    const unowned =
      rs.metadata.annotations?.[names.annotation.claims] === undefined
        ? []
        : informers.pods.byIndex(podIndex.controller, orphans(rs.metadata.namespace));
    const claimed = claimedPods(rs, { owned, unowned }, clock.now());
    const key = keyOf(rs);
    for (const [uid, waiting] of this.#awaited) if (waiting === key) this.#awaited.delete(uid);
    for (const { metadata } of claimed.coming) this.#awaited.set(metadata.uid ?? '', key);
    return claimed;
  }

  async #manage(
    rs: ReplicaSet,
    pods: readonly Pod[],
    { coming, early }: Claimed,
  ): Promise<{ readonly kind: 'done' } | (ManageFailure & { readonly error: Error })> {
    const replicas = rs.spec.replicas ?? 1;
    const active = pods.filter(isActive);
    const missing = replicas - active.length - coming.length;
    const deletable = active.filter((pod) => !early.has(pod));
    const surplus = Math.min(active.length - replicas, deletable.length);
    if (missing <= 0 && surplus <= 0) return { kind: 'done' };
    const error = await (missing > 0
      ? this.#create(rs, missing)
      : this.#delete(rs, deletable, surplus));
    if (error === undefined) return { kind: 'done' };
    const reason = missing > 0 ? 'FailedCreate' : 'FailedDelete';
    return { kind: 'failed', reason, message: error.message, error };
  }

  async #create(rs: ReplicaSet, missing: number): Promise<Error | undefined> {
    const uid = rs.metadata.uid ?? '';
    const count = Math.min(missing, burstReplicas);
    const pod = podFromTemplate(rs);
    this.#expectations.expectCreations(uid, count);
    const { skipped, error } = await slowStart(count, async () => {
      try {
        const created = await this.#context.client.resource(refs.pods).create(pod);
        this.#events.report(rs, {
          type: 'Normal',
          reason: 'SuccessfulCreate',
          message: `Created pod: ${created.metadata.name}`,
        });
      } catch (failure) {
        this.#expectations.creationObserved(uid);
        if (isNamespaceTerminating(failure)) return;
        this.#events.report(rs, {
          type: 'Warning',
          reason: 'FailedCreate',
          message: `Error creating: ${messageOf(failure)}`,
        });
        throw failure;
      }
    });
    for (let index = 0; index < skipped; index += 1) this.#expectations.creationObserved(uid);
    return error;
  }

  async #delete(rs: ReplicaSet, pods: readonly Pod[], surplus: number): Promise<Error | undefined> {
    const doomed = choosePodsToDelete(pods, this.#relatedPods(rs), {
      count: Math.min(surplus, burstReplicas),
      now: this.#context.clock.now(),
    });
    const uid = rs.metadata.uid ?? '';
    this.#expectations.expectDeletions(
      uid,
      doomed.map(({ metadata }) => metadata.uid ?? ''),
    );
    const results = await Promise.allSettled(doomed.map((pod) => this.#deletePod(rs, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    return failed?.reason as Error | undefined;
  }

  async #deletePod(rs: ReplicaSet, pod: Pod): Promise<void> {
    const { namespace = '', name, uid = '' } = pod.metadata;
    try {
      await this.#context.client
        .resource(refs.pods)
        .delete({ namespace, name }, { preconditions: { uid } });
      const message = `Deleted pod: ${name}`;
      this.#events.report(rs, { type: 'Normal', reason: 'SuccessfulDelete', message });
    } catch (error) {
      this.#expectations.deletionObserved(rs.metadata.uid ?? '', uid);
      // Gone, or replaced by another of its name: what was wanted.
      if (isStatus(error, 'NotFound', 'Conflict')) return;
      const message = `Error deleting: ${messageOf(error)}`;
      this.#events.report(rs, { type: 'Warning', reason: 'FailedDelete', message });
      throw error;
    }
  }

  /** The pods of all ReplicaSets with the same controller, this one included. */
  #relatedPods(rs: ReplicaSet): readonly Pod[] {
    const { pods, replicasets } = this.#context.informers;
    const controller = controllerOf(rs.metadata)?.uid;
    const related =
      controller === undefined
        ? [rs]
        : replicasets
            .list(rs.metadata.namespace)
            .filter(({ metadata }) => controllerOf(metadata)?.uid === controller);
    return related.flatMap(({ metadata }) =>
      pods.byIndex(podIndex.controller, metadata.uid ?? orphans(metadata.namespace)),
    );
  }

  async #writeStatus(
    key: string,
    rs: ReplicaSet,
    status: NonNullable<ReplicaSet['status']>,
  ): Promise<void> {
    this.#statuses.clear(key);
    if (status === rs.status) return;
    try {
      await this.#context.client.resource(refs.replicasets).update({ ...rs, status }, 'status');
    } catch (error) {
      // The copy is behind; the change that it lacks brings the next reconcile.
      if (!isStatus(error, 'Conflict', 'NotFound')) throw error;
    }
  }
}

/** True while there are fewer ready pods than asked for. */
function isStarting(rs: ReplicaSet, pods: readonly Pod[]): boolean {
  return pods.filter((pod) => isActive(pod) && isReady(pod)).length < (rs.spec.replicas ?? 1);
}

function isNamespaceTerminating(error: unknown): boolean {
  return (
    isStatus(error, 'Forbidden') &&
    error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
