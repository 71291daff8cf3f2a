import type { ClaimedPod, FunctionObject, Node, Pod, ReplicaSet } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import type { Client, Informer } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Ids } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import type { Resolved } from '../blueprint.ts';
import type { FunctionObjects } from '../function-objects.ts';
import type { Placement } from '../pod-template.ts';
import { isLive, isReady } from '../roles.ts';
import { Claim } from './claim.ts';
import { Claimer } from './claimer.ts';
import { codeBody } from './code-body.ts';
import { nodeBudget } from './node-budget.ts';
import { newPool, type Pool, type PoolFigures } from './pool.ts';
import { PoolMembers } from './pool-members.ts';
import { bootMs, podKey, PoolPods } from './pool-pods.ts';
import { shareOf } from './pool-size.ts';
import { type Specialisation, specialisationOf } from './specialisation.ts';
import {
  createdMs,
  isClaimable,
  isOfTemplate,
  poolOf,
  type WarmTemplate,
  warmTemplate,
} from './warm-pod.ts';

export interface WarmPoolsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly functions: Informer<FunctionObject>;
  /** Those with the pool's label; indexed by `pool`. */
  readonly poolPods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly objects: FunctionObjects;
  readonly resolve: (fn: FunctionObject) => Resolved;
  readonly placement: Placement;
  /** The most pods of one pool; 0 for no pools. */
  readonly max: number;
  /** Tells the gateways of a pod that takes calls. */
  readonly tell: (pod: ClaimedPod) => void;
}

/** After a claim, or a new function: whatever is being served has the machine for itself. */
const restMs = 250;
/** However often that is: a pool is not kept waiting for longer. */
const longestRestMs = 1000;
const keyBytes = 32;
/** A pod that is not ready for so long is replaced, also one that was. */
const stuckMs = 45_000;
const concurrency = 4;

/**
 * Keeps pods that have booted without code, and gives them to functions that need one at once.
 *
 * There is a pool for each namespace and runtime that has a function which could use it. Its size
 * follows the largest burst of the last ten minutes. Owns the pods with the label `nought.dev/pool`.
 *
 * Invariants:
 * 1. Only pods that this object has created are claimed: of all others it is not known whether an
 *    earlier claim went halfway. They are deleted, in a pool as in a function.
 * 2. A pod is claimed once, and for one ReplicaSet; it never comes back.
 * 3. A pool boots nothing while a claim is fresh, and all together no more at a time than there are
 *    cores.
 * 4. A claim never waits for a pool: what is not there is left to the ReplicaSet's controller.
 */
export class WarmPools {
  readonly #options: WarmPoolsOptions;
  readonly #pods: PoolPods;
  readonly #claimer: Claimer;
  readonly #queue: WorkQueue;
  readonly #members = new PoolMembers();
  readonly #pools = new Map<string, Pool>();
  readonly #work = new Set<Promise<void>>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: WarmPoolsOptions) {
    const { clock, ids, log } = options;
    this.#options = options;
    // Nobody else has it, and nobody needs it after this object.
    const key = ids.secret(keyBytes);
    this.#pods = new PoolPods({ ...options, key });
    this.#claimer = new Claimer({ ...options, key });
    this.#queue = new WorkQueue({ clock, log, concurrency }, (pool) => this.#reconcile(pool));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { functions, poolPods, nodes, objects } = this.#options;
    this.#signal = signal;
    const look = (fn: FunctionObject): void => this.#look(fn);
    const unhandle = [
      functions.handle({
        added: look,
        updated: look,
        deleted: (fn) => this.#changed(this.#members.put(functionKey(fn), undefined)),
      }),
      poolPods.handle({
        added: (pod) => this.#podSeen(pod),
        updated: (pod) => this.#podSeen(pod),
        deleted: (pod) => this.#podGone(pod),
      }),
      objects.pods.handle({
        added: (pod) => this.#functionPodSeen(pod),
        updated: (pod) => this.#functionPodSeen(pod),
        deleted: (pod) => this.#pods.forget(pod),
      }),
      this.#followNodes(nodes),
    ];
    try {
      await this.#queue.run(signal);
    } finally {
      for (const stop of unhandle) stop();
      await Promise.all(this.#work);
    }
  }

  /**
   * Takes up to `count` pods for a ReplicaSet that is about to be raised, and gives them the code;
   * undefined for none. Resolves within milliseconds.
   */
  async claim(set: ReplicaSet, count: number): Promise<Claim | undefined> {
    const specialisation = specialisationOf(set.spec.template);
    const { namespace = '', generation = 0 } = set.metadata;
    const pool = this.#pools.get(`${namespace}/${specialisation?.runtime ?? ''}`);
    if (specialisation === undefined || pool === undefined || this.#signal.aborted) {
      return undefined;
    }
    const { client, clock } = this.#options;
    const now = clock.monotonic();
    pool.size.record(count, now);
    pool.restUntilMs = now + restMs;
    this.#queue.add(pool.key);
    const pods = this.#take(pool, specialisation, count);
    pool.missed += count - pods.length;
    if (pods.length === 0) return undefined;
    const body = codeBody(client, namespace, specialisation, this.#filesOf(set));
    // Each attempt waits for it and says what became of it.
    body.catch(() => undefined);
    const claim = new Claim(pods, {
      claimer: this.#claimer,
      clock,
      order: { set, generation: generation + 1, atMs: clock.now(), body },
      isUrgent: pods.length < count,
      another: () => this.#take(pool, specialisation, 1)[0],
      ended: (claimed) => {
        if (claimed) pool.claimed += 1;
        else pool.spoiled += 1;
      },
      failed: (error) => this.#warn(error),
      track: (work) => this.#track(work),
      signal: this.#signal,
    });
    await claim.ready();
    return claim;
  }

  figures(): readonly PoolFigures[] {
    return [...this.#pools.values()].map((pool) => {
      const { namespace, runtime, claimed, missed, spoiled } = pool;
      const ready = this.#claimable(pool).length;
      return { namespace, runtime, wanted: this.#wanted(pool), ready, claimed, missed, spoiled };
    });
  }

  #take(pool: Pool, specialisation: Specialisation, count: number): readonly Pod[] {
    const pods = this.#claimable(pool)
      .filter((pod) => suits(pod, specialisation))
      .slice(0, count);
    this.#pods.take(pods);
    return pods;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  /** The files of a revision, when the Function still asks for that one. */
  #filesOf({ metadata }: ReplicaSet) {
    const { functions, resolve } = this.#options;
    const { namespace = '', labels } = metadata;
    const fn = functions.get({ namespace, name: labels?.[names.label.function] ?? '' });
    const resolved = fn === undefined ? undefined : resolve(fn);
    return resolved?.kind === 'valid' && resolved.blueprint.name === metadata.name
      ? resolved.blueprint.files
      : undefined;
  }

  #look(fn: FunctionObject): void {
    const resolved = this.#options.resolve(fn);
    const isNeeded =
      this.#options.max > 0 &&
      resolved.kind === 'valid' &&
      resolved.settings.min < resolved.settings.max &&
      fn.metadata.deletionTimestamp === undefined;
    const taken = isNeeded ? specialisationOf(resolved.blueprint.template) : undefined;
    const member =
      taken === undefined
        ? undefined
        : {
            pool: `${fn.metadata.namespace ?? ''}/${taken.runtime}`,
            graceSeconds: taken.graceSeconds,
          };
    this.#changed(this.#members.put(functionKey(fn), member));
  }

  /** The functions of these pools have changed: what they are busy with comes first. */
  #changed(pools: readonly string[]): void {
    for (const key of pools) {
      const pool = this.#pool(key);
      pool.restUntilMs = this.#options.clock.monotonic() + restMs;
      this.#queue.add(key);
    }
  }

  #podSeen(pod: Pod): void {
    this.#pods.seen(pod);
    const key = poolOf(pod);
    if (key === undefined) return;
    this.#pool(key);
    this.#queue.add(key);
    // A place to boot may have become free.
    if (isReady(pod)) this.#lookAtShort();
  }

  /** Gone from the pool: deleted, or a function's from now on. */
  #podGone(pod: Pod): void {
    this.#pods.gone(pod);
    const key = poolOf(pod);
    if (key !== undefined) this.#queue.add(key);
    this.#lookAtShort();
  }

  /** A half claimed pod of someone who acted before: nobody goes on with that. */
  #functionPodSeen(pod: Pod): void {
    if (pod.metadata.annotations?.[names.annotation.loading] === undefined) return;
    if (this.#pods.isOwn(pod) || !isLive(pod)) return;
    this.#options.log.info('Deleting a pod whose claim was left unfinished', { pod: podKey(pod) });
    this.#track(this.#claimer.discard(pod).catch((error: unknown) => this.#warn(error)));
  }

  #lookAtShort(): void {
    for (const pool of this.#pools.values()) {
      if (pool.shortSinceMs !== undefined) this.#queue.add(pool.key);
    }
  }

  #followNodes(nodes: Informer<Node>): () => void {
    let known = '';
    const look = (): void => {
      const { pods, boots, pressed } = nodeBudget(nodes);
      const now = JSON.stringify([pods, boots, [...pressed]]);
      if (now === known) return;
      known = now;
      for (const key of this.#pools.keys()) this.#queue.add(key);
    };
    return nodes.handle({ added: look, updated: look, deleted: look });
  }

  #pool(key: string): Pool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = newPool(key);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** The pods that can be given away at once, the longest waiting first. */
  #claimable({ key }: Pool): readonly Pod[] {
    return this.#pods
      .of(key)
      .filter((pod) => this.#pods.isOwn(pod) && isClaimable(pod))
      .toSorted((a, b) => createdMs(a) - createdMs(b));
  }

  #wanted(pool: Pool): number {
    const { clock, max } = this.#options;
    if (this.#members.graceSeconds(pool.key) === undefined) return 0;
    return pool.size.wanted(clock.monotonic(), max);
  }

  #allowed(pool: Pool, budget: number): number {
    let inAll = 0;
    for (const each of this.#pools.values()) inAll += this.#wanted(each);
    return shareOf(this.#wanted(pool), inAll, budget);
  }

  async #reconcile(key: string): Promise<ReconcileResult | void> {
    const { clock, nodes, placement } = this.#options;
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    const graceSeconds = this.#members.graceSeconds(key);
    const template =
      graceSeconds === undefined ? undefined : warmTemplate(pool.runtime, placement, graceSeconds);
    const budget = nodeBudget(nodes);
    const here = this.#pods.of(key);
    const good = here.filter(
      (pod) =>
        template !== undefined &&
        this.#pods.isOwn(pod) &&
        !this.#isStuck(pod) &&
        isOfTemplate(pod, template) &&
        !budget.pressed.has(pod.spec.nodeName ?? ''),
    );
    const wanted = this.#allowed(pool, budget.pods);
    const surplus = good.toSorted(worstFirst).slice(0, Math.max(0, good.length - wanted));
    await this.#remove([...here.filter((pod) => !good.includes(pod)), ...surplus]);
    const missing = wanted - good.length - this.#pods.comingTo(key);
    if (template === undefined && here.length === 0) {
      this.#pools.delete(key);
      return;
    }
    if (missing <= 0 || template === undefined) {
      pool.shortSinceMs = undefined;
      const waits = [
        pool.size.forgetsInMs(clock.monotonic()),
        good.every(isReady) ? undefined : bootMs,
      ].filter((ms) => ms !== undefined);
      return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
    }
    return await this.#refill(pool, template, { missing, boots: budget.boots });
  }

  /** It hangs, or cannot start: another one may do better. */
  #isStuck(pod: Pod): boolean {
    return !isReady(pod) && createdMs(pod) < this.#options.clock.now() - stuckMs;
  }

  async #refill(
    pool: Pool,
    template: WarmTemplate,
    { missing, boots }: { readonly missing: number; readonly boots: number },
  ): Promise<ReconcileResult> {
    const now = this.#options.clock.monotonic();
    pool.shortSinceMs ??= now;
    const restedMs = Math.min(pool.restUntilMs, pool.shortSinceMs + longestRestMs);
    if (now < restedMs) return { requeueAfterMs: Math.ceil(restedMs - now) };
    const count = Math.min(missing, boots - this.#pods.booting());
    await Promise.all(
      Array.from({ length: Math.max(0, count) }, () => this.#pods.create(pool.key, template)),
    );
    // Otherwise the pods that boot bring the next look.
    return count < missing ? { requeueAfterMs: bootMs } : {};
  }

  async #remove(pods: readonly Pod[]): Promise<void> {
    await Promise.all(pods.map((pod) => this.#claimer.discard(pod)));
  }

  #warn(error: unknown): void {
    this.#options.log.warn('A pod could not be deleted', { error: String(error) });
  }
}

/** What the pod was made with is what the revision's own pods have. */
function suits(pod: Pod, { image, graceSeconds }: Specialisation): boolean {
  const { containers, terminationGracePeriodSeconds = 0 } = pod.spec;
  return containers[0]?.image === image && terminationGracePeriodSeconds >= graceSeconds;
}

/** Those that have yet to boot, then the youngest. */
function worstFirst(a: Pod, b: Pod): number {
  return Number(isReady(a)) - Number(isReady(b)) || createdMs(b) - createdMs(a);
}

function functionKey({ metadata }: FunctionObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
