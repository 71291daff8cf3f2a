import type { Pod } from '../../api/index.ts';
import { type Client, type Informer, refs } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Ids } from '../../lib/ids.ts';
import { isLive, isReady } from '../roles.ts';
import { claimSecret, createdMs, warmPod, type WarmTemplate } from './warm-pod.ts';

export interface PoolPodsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Those with the pool's label; indexed by `pool`. */
  readonly poolPods: Informer<Pod>;
  /** What the secrets of the pods are made from. */
  readonly key: string;
}

/** A pod that takes longer to boot does not hold up others. */
export const bootMs = 30_000;
const nameSuffixLength = 10;

interface Coming {
  readonly pool: string;
  readonly sinceMs: number;
  /** The API server has answered. */
  isCreated: boolean;
}

/**
 * The pods of all pools, and which of them this object has created and which it has given away.
 *
 * Between the creation of a pod and its event, and between a claim and its event, what was done counts.
 */
export class PoolPods {
  readonly #options: PoolPodsOptions;
  /** Uids of the pods that this object has created and that are there. */
  readonly #own = new Set<string>();
  /** Those of them that were claimed. */
  readonly #taken = new Set<string>();
  /** Pods that are being created or that the watch has not shown yet, by `namespace/name`. */
  readonly #coming = new Map<string, Coming>();

  constructor(options: PoolPodsOptions) {
    this.#options = options;
  }

  /** The pods of a pool, whoever has made them, but for those that end or were claimed. */
  of(pool: string): readonly Pod[] {
    return this.#options.poolPods
      .byIndex('pool', pool)
      .filter((pod) => isLive(pod) && !this.#taken.has(pod.metadata.uid ?? ''));
  }

  isOwn(pod: Pod): boolean {
    return this.#own.has(pod.metadata.uid ?? '') || this.#coming.has(podKey(pod));
  }

  take(pods: readonly Pod[]): void {
    for (const { metadata } of pods) this.#taken.add(metadata.uid ?? '');
  }

  /** Pods of a pool that are created and not seen yet. */
  comingTo(pool: string): number {
    let count = 0;
    for (const each of this.#unseen()) if (each.pool === pool) count += 1;
    return count;
  }

  /** Pods of all pools that have yet to boot. */
  booting(): number {
    const { clock, poolPods } = this.#options;
    const since = clock.now() - bootMs;
    const started = poolPods
      .list()
      .filter((pod) => isLive(pod) && !isReady(pod) && createdMs(pod) > since);
    return started.length + this.#unseen().length;
  }

  async create(pool: string, template: WarmTemplate): Promise<void> {
    const { client, clock, ids, poolPods, key } = this.#options;
    const name = `warm-${template.runtime}-${ids.suffix(nameSuffixLength)}`;
    const at = { namespace: pool.slice(0, pool.indexOf('/')), name };
    const coming: Coming = { pool, sinceMs: clock.monotonic(), isCreated: false };
    this.#coming.set(`${at.namespace}/${name}`, coming);
    try {
      const pod = warmPod(template, at, claimSecret(key, at));
      const { metadata } = await client.resource(refs.pods).create(pod);
      this.#own.add(metadata.uid ?? '');
      coming.isCreated = true;
      if (poolPods.get(at) !== undefined) this.#coming.delete(`${at.namespace}/${name}`);
    } catch (error) {
      this.#coming.delete(`${at.namespace}/${name}`);
      throw error;
    }
  }

  /** The watch has shown a pod of a pool. */
  seen(pod: Pod): void {
    if (this.#coming.get(podKey(pod))?.isCreated === true) this.#coming.delete(podKey(pod));
  }

  /** A pod is no longer in its pool: it is gone, or one that was claimed is a function's now. */
  gone(pod: Pod): void {
    const { uid = '', deletionTimestamp } = pod.metadata;
    if (!this.#taken.has(uid) || deletionTimestamp !== undefined) this.forget(pod);
  }

  /** A function's pod is no longer there. */
  forget({ metadata: { uid = '' } }: Pod): void {
    this.#own.delete(uid);
    this.#taken.delete(uid);
  }

  #unseen(): readonly Coming[] {
    const { clock, poolPods } = this.#options;
    const since = clock.monotonic() - bootMs;
    const unseen: Coming[] = [];
    for (const [key, coming] of this.#coming) {
      const slash = key.indexOf('/');
      const at = { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
      // Created and deleted between two lists: nobody will ever tell.
      if (coming.sinceMs < since) this.#coming.delete(key);
      else if (poolPods.get(at) === undefined) unseen.push(coming);
    }
    return unseen;
  }
}

/** `namespace/name`. */
export function podKey({ metadata }: Pod): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
