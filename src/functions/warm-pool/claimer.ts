import type { Pod, ReplicaSet } from '../../api/index.ts';
import { isStatus, names } from '../../api/index.ts';
import { type Client, refs } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { FunctionObjects } from '../function-objects.ts';
import { isLive } from '../roles.ts';
import { specialise } from './specialise.ts';
import { claimPatch, claimSecret } from './warm-pod.ts';

export interface ClaimerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly objects: FunctionObjects;
  /** What the secrets of the pods are made from. */
  readonly key: string;
}

/** What a pod is claimed for. */
export interface ClaimOrder {
  readonly set: ReplicaSet;
  /** The ReplicaSet's generation once it has been raised. */
  readonly generation: number;
  readonly atMs: number;
  readonly body: Promise<Buffer>;
}

/** A pod that hangs has a fresh one beside it after this time; under load all are slow. */
const aliveMs = 150;
/** As long as code may take to load before the pod is thought to be stuck. */
const loadMs = 60_000;
/** Off the path of the calls that the pod was claimed for. */
const confirmDelayMs = 1000;

/**
 * Makes a booted pod one of a ReplicaSet's: gives it the code and the labels, at the same time.
 *
 * Invariants:
 * 1. Whatever goes wrong, the pod is deleted: it is never given back, nor tried again. Its
 *    ReplicaSet's controller then makes one from the template, as if there had been no pool.
 * 2. The mark `nought.dev/claim` stays on the pod until it has said that the code is loaded; gateways
 *    go by their own question to it until then.
 */
export class Claimer {
  readonly #options: ClaimerOptions;

  constructor(options: ClaimerOptions) {
    this.#options = options;
  }

  /** Resolves to true once the pod takes calls, to false once it was given up. */
  async claim(pod: Pod, order: ClaimOrder, signal: AbortSignal): Promise<boolean> {
    // A pod that could not be taken is of no use, whatever it is loading.
    const hopeless = new AbortController();
    const relabelled = this.#relabel(pod, order);
    void relabelled.then((problem) => problem === undefined || hopeless.abort());
    const either = AbortSignal.any([signal, hopeless.signal]);
    const problems = await Promise.all([relabelled, this.#specialise(pod, order, either)]);
    const problem = problems.find((each) => each !== undefined);
    if (problem === undefined) return true;
    // Who takes over next deletes what was left half claimed.
    if (signal.aborted) return false;
    const { namespace, name } = pod.metadata;
    this.#options.log.warn('A warm pod could not be used and is replaced', {
      pod: `${namespace}/${name}`,
      revision: order.set.metadata.name,
      problem,
    });
    await this.discard(pod);
    return false;
  }

  /** Takes the mark off, some time after the pod was claimed. */
  async confirm(pod: Pod, signal: AbortSignal): Promise<void> {
    const { client, clock, objects } = this.#options;
    await clock.sleep(confirmDelayMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const annotations = { [names.annotation.claim]: null };
    const patch = { metadata: { uid: pod.metadata.uid, annotations } };
    await ignoringGone(async () => {
      objects.notePod(
        await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'merge' }),
      );
    });
  }

  /** Deletes the pod, with the grace of its spec unless another one is given. */
  async discard(pod: Pod, gracePeriodSeconds?: number): Promise<void> {
    const { uid = '' } = pod.metadata;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const pods = this.#options.client.resource(refs.pods);
    await ignoringGone(() => pods.delete(pod.metadata, { preconditions: { uid }, ...grace }));
  }

  /** What went wrong, in words. */
  async #relabel(pod: Pod, { set, generation, atMs }: ClaimOrder): Promise<string | undefined> {
    const { client, objects } = this.#options;
    const patch = claimPatch(pod, set, { generation, atMs });
    try {
      const claimed = await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'json' });
      objects.notePod(claimed);
      return isLive(claimed) ? undefined : 'It was ending';
    } catch (error) {
      return `Its labels could not be changed: ${String(error)}`;
    }
  }

  async #specialise(
    pod: Pod,
    { body }: ClaimOrder,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { namespace = '', name } = pod.metadata;
    let bytes: Buffer;
    try {
      bytes = await body;
    } catch (error) {
      return `Its code could not be read: ${String(error)}`;
    }
    const outcome = await specialise(
      {
        host: pod.status?.podIP ?? '',
        port: names.functionPort,
        secret: claimSecret(this.#options.key, { namespace, name }),
        body: bytes,
        aliveMs,
        loadMs,
      },
      signal,
    );
    switch (outcome.kind) {
      case 'loaded':
        return undefined;
      case 'refused':
        return `It refused the code with ${outcome.status}: ${outcome.message.slice(0, 500)}`;
      case 'gone':
        return `It does not answer: ${outcome.message}`;
      case 'silent':
        return 'It does not answer in time';
    }
  }
}

async function ignoringGone(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isStatus(error, 'NotFound', 'Conflict', 'Invalid')) throw error;
  }
}
