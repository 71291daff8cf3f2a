import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap, FunctionObject, FunctionStatus, ReplicaSet } from '../api/index.ts';
import { StatusError } from '../api/index.ts';
import { type Client, type EventRecorder, type Informer, refs } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Deferral } from '../lib/deferral.ts';
import { type ReconcileResult, WorkQueue } from '../lib/work-queue.ts';
import { annotations } from './annotations.ts';
import { type Blueprint, codeConfigMap, type Resolved, revisionReplicaSet } from './blueprint.ts';
import type { FunctionObjects } from './function-objects.ts';
import { functionStatus } from './function-status.ts';
import {
  functionOf,
  isLive,
  isOwnedBy,
  isReady,
  type RevisionFailure,
  revisionOf,
} from './roles.ts';
import { planRollout, type RolloutPlan } from './rollout.ts';
import type { Trouble } from './trouble.ts';

export interface FunctionControllerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly functions: Informer<FunctionObject>;
  /** Without their data; indexed by `function`. */
  readonly configMaps: Informer<ConfigMap>;
  readonly objects: FunctionObjects;
  readonly resolve: (fn: FunctionObject) => Resolved;
  readonly gatewayUrl: string;
  /** What the gateways have told about a function (`namespace/name`). */
  readonly demand: {
    /** Pods that the requests for the latest revision need. */
    neededPods(key: string, perPod: number): number;
    /** Pods that all requests need. */
    neededInAll(key: string, perPod: number): number;
    lastInvokedMs(key: string): number | undefined;
  };
}

const concurrency = 8;
/** How long a status may wait while pods start: what they need is to be written first. */
const statusDelayMs = 100;

/**
 * Makes Functions into ConfigMaps and ReplicaSets, one pair per revision, and tells how they fare.
 *
 * Owns the code ConfigMaps, the ReplicaSets but for their number of pods, and the status of Functions.
 *
 * Invariants:
 * 1. A ReplicaSet is made after its ConfigMap, and removed before it.
 * 2. `status.revision` moves only to a revision that has a ready pod.
 * 3. The status is written only when it has changed.
 */
export class FunctionController {
  readonly #options: FunctionControllerOptions;
  readonly #queue: WorkQueue;
  readonly #statuses: Deferral;

  constructor(options: FunctionControllerOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#statuses = new Deferral(clock, statusDelayMs);
    this.#queue = new WorkQueue({ clock, log, concurrency }, (key) => this.#reconcile(key));
  }

  /** Asks for the function (`namespace/name`) to be looked at. */
  look(key: string): void {
    this.#queue.add(key);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { functions, objects, configMaps } = this.#options;
    const look = (fn: FunctionObject): void => {
      this.look(`${fn.metadata.namespace ?? ''}/${fn.metadata.name}`);
    };
    const unhandle = [
      functions.handle({ added: look, updated: look, deleted: look }),
      objects.handle((key) => this.look(key)),
      configMaps.handle({ deleted: (map) => this.look(functionOf(map)) }),
    ];
    try {
      await this.#queue.run(signal);
    } finally {
      for (const stop of unhandle) stop();
    }
  }

  async #reconcile(key: string): Promise<ReconcileResult | void> {
    const { clock, demand, functions, objects, resolve } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const cached = functions.get({ namespace, name });
    // What a Function owns goes with it: the garbage collector sees to that.
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) {
      this.#statuses.clear(key);
      return;
    }
    const fn = objects.latestFunction(cached);
    const resolved = resolve(fn);
    const plan = planRollout({
      fn,
      resolved,
      sets: objects.setsOf(fn),
      podsOf: (set) => objects.podsOf(set),
      neededPods: demand.neededPods(key, resolved.settings.perPod),
      neededInAll: demand.neededInAll(key, resolved.settings.perPod),
      nowMs: clock.now(),
    });
    const refusal =
      resolved.kind === 'valid' ? await this.#makeObjects(fn, resolved.blueprint, plan) : undefined;
    for (const given of [plan.fail, plan.traffic.fail]) {
      if (given !== undefined) await this.#giveUp(fn, given.set, given.failure);
    }
    for (const set of plan.remove) await this.#remove(set);
    const statusMs = await this.#report(key, fn, plan, refusal);
    if (plan.prove !== undefined)
      await this.#annotate(plan.prove, { [annotations.proven]: 'true' });
    const waits = [
      refusal === undefined ? plan.againAfterMs : refusalRetryMs,
      statusMs > 0 ? statusMs : undefined,
    ].filter((ms) => ms !== undefined);
    return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
  }

  /** The objects of the wanted revision; a refusal by the API server is told, not thrown. */
  async #makeObjects(
    fn: FunctionObject,
    blueprint: Blueprint,
    plan: RolloutPlan,
  ): Promise<Trouble | undefined> {
    try {
      await this.#ensureCode(fn, blueprint);
      if (plan.create) await this.#create(fn, blueprint);
      const current = plan.revive ?? plan.mend;
      if (current !== undefined) await this.#mend(current, blueprint, plan);
      return undefined;
    } catch (error) {
      const isRefusal = error instanceof StatusError && [403, 409, 413, 422].includes(error.code);
      if (!isRefusal) throw error;
      const isQuota = error.code === 403 && /exceeded quota/i.test(error.message);
      return { reason: isQuota ? 'QuotaExceeded' : 'FailedCreate', message: error.message };
    }
  }

  async #ensureCode(fn: FunctionObject, blueprint: Blueprint): Promise<void> {
    const { client, configMaps } = this.#options;
    if (blueprint.files.length === 0) return;
    const key = { namespace: fn.metadata.namespace ?? '', name: blueprint.name };
    const known = configMaps.get(key);
    if (known !== undefined && isOwnedBy(known, fn.metadata.uid ?? '')) return;
    await createOwned(client, refs.configmaps, codeConfigMap(fn, blueprint), fn);
  }

  async #create(fn: FunctionObject, blueprint: Blueprint): Promise<void> {
    const { client, clock, events, objects, resolve } = this.#options;
    const set = revisionReplicaSet(fn, blueprint, {
      replicas: Math.max(1, resolve(fn).settings.min),
      requestedAt: new Date(clock.now()).toISOString(),
    });
    objects.noteSet(await createOwned(client, refs.replicasets, set, fn));
    const message = `Created revision ${blueprint.revision}`;
    events.report(fn, { type: 'Normal', reason: 'RevisionCreated', message });
  }

  /** Writes into an older ReplicaSet what may change without a new revision. */
  async #mend(set: ReplicaSet, blueprint: Blueprint, plan: RolloutPlan): Promise<void> {
    const { client, clock, objects } = this.#options;
    const requested =
      plan.revive === undefined
        ? {}
        : {
            [annotations.requestedAt]: new Date(clock.now()).toISOString(),
            [annotations.failure]: null,
          };
    const { record, templateHash } = blueprint;
    const written = {
      ...requested,
      [annotations.template]: templateHash,
      [annotations.revisionSpec]: record ?? null,
    };
    const patch = {
      metadata: { annotations: written },
      ...(plan.mend === undefined ? {} : { spec: { template: blueprint.template } }),
    };
    objects.noteSet(
      await client.resource(refs.replicasets).patch(set.metadata, patch, { type: 'merge' }),
    );
  }

  async #giveUp(fn: FunctionObject, set: ReplicaSet, failure: RevisionFailure): Promise<void> {
    await this.#annotate(set, { [annotations.failure]: JSON.stringify(failure) });
    const message = `Gave up revision ${revisionOf(set)}: ${failure.message}`;
    this.#options.events.report(fn, { type: 'Warning', reason: failure.reason, message });
  }

  async #annotate(set: ReplicaSet, written: Readonly<Record<string, string>>): Promise<void> {
    const { client, objects } = this.#options;
    const patch = { metadata: { annotations: written } };
    objects.noteSet(
      await client.resource(refs.replicasets).patch(set.metadata, patch, { type: 'merge' }),
    );
  }

  /** Removes a revision of the history, if nobody has brought it back meanwhile. */
  async #remove(set: ReplicaSet): Promise<void> {
    const { client } = this.#options;
    const { uid, resourceVersion } = set.metadata;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await ignoring([404, 409], () =>
      client
        .resource(refs.replicasets)
        .delete(set.metadata, { preconditions, propagationPolicy: 'Background' }),
    );
    const left = await client.resource(refs.replicasets).find(set.metadata);
    if (left !== undefined && left.metadata.deletionTimestamp === undefined) return;
    const code = { namespace: set.metadata.namespace ?? '', name: set.metadata.name };
    if (this.#options.configMaps.get(code) === undefined) return;
    await ignoring([404], () => client.resource(refs.configmaps).delete(code));
  }

  /** Writes the status, now or later: returns in how many milliseconds. */
  async #report(
    key: string,
    fn: FunctionObject,
    plan: RolloutPlan,
    refusal: Trouble | undefined,
  ): Promise<number> {
    const { client, clock, demand, events, gatewayUrl, objects, resolve } = this.#options;
    const promoted: FunctionObject =
      plan.promote === undefined ? fn : { ...fn, status: { ...fn.status, revision: plan.promote } };
    const status = functionStatus({
      fn: promoted,
      resolved: resolve(fn),
      sets: objects.setsOf(fn),
      podsOf: (set) => objects.podsOf(set),
      gatewayUrl,
      refusal,
      move: plan.traffic,
      lastInvokedMs: demand.lastInvokedMs(key),
      nowMs: clock.now(),
    });
    const isNew = !isDeepStrictEqual(status, fn.status);
    if (isNew && this.#isStarting(fn)) this.#statuses.putOff(key);
    const isUrgent = plan.promote !== undefined || verdicts(status) !== verdicts(fn.status);
    const leftMs = isUrgent ? 0 : this.#statuses.leftMs(key);
    if (leftMs > 0) return leftMs;
    this.#statuses.clear(key);
    if (!isNew) return 0;
    const patch = { status: statusPatch(fn.status ?? {}, status) };
    const options = { type: 'merge', subresource: 'status' } as const;
    objects.noteFunction(await client.resource(refs.functions).patch(fn.metadata, patch, options));
    if (plan.promote === undefined) return 0;
    const message = `Revision ${plan.promote} takes the traffic`;
    events.report(fn, { type: 'Normal', reason: 'RevisionReady', message });
    return 0;
  }

  /** True while one of the function's ReplicaSets has fewer ready pods than it asks for. */
  #isStarting(fn: FunctionObject): boolean {
    const { objects } = this.#options;
    return objects.setsOf(fn).some((set) => {
      const ready = objects.podsOf(set).filter((pod) => isLive(pod) && isReady(pod)).length;
      return ready < (set.spec.replicas ?? 1);
    });
  }
}

/** How long after a refusal by the API server the same is tried again. */
const refusalRetryMs = 30_000;

/** Creates an object; one of the same name that the Function owns already will do. */
async function createOwned<T extends ConfigMap | ReplicaSet>(
  client: Client,
  ref: Parameters<typeof client.resource<T>>[0],
  object: T,
  fn: FunctionObject,
): Promise<T> {
  const resource = client.resource(ref);
  try {
    return await resource.create(object);
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
    const found = await resource.find(object.metadata);
    if (found !== undefined && isOwnedBy(found, fn.metadata.uid ?? '')) return found;
    throw new StatusError(
      409,
      'AlreadyExists',
      `Cannot create ${object.kind} "${object.metadata.name}": there is one that Function "${fn.metadata.name}" does not own`,
      {},
    );
  }
}

async function ignoring(codes: readonly number[], call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof StatusError) || !codes.includes(error.code)) throw error;
  }
}

/** What the conditions say, without the reasons, and where calls go. */
function verdicts({ conditions = [], traffic = [] }: FunctionStatus = {}): string {
  const places = traffic.map(({ revision, weight, tag }) => `${revision} ${weight} ${tag}`);
  return [...conditions.map((each) => `${each.type}=${each.status}`), ...places].join();
}

/** A merge patch that also removes what the new status does not have. */
function statusPatch(before: FunctionStatus, after: FunctionStatus): Record<string, unknown> {
  const gone = Object.keys(before).filter((field) => !(field in after));
  return { ...after, ...Object.fromEntries(gone.map((field) => [field, null])) };
}
