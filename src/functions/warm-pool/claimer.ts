import type { ClaimedPod, Pod, ReplicaSet } from '../../api/index.ts';
import { isStatus, names } from '../../api/index.ts';
import { type Client, refs } from '../../client/index.ts';
import type { Log } from '../../lib/log.ts';
import type { FunctionObjects } from '../function-objects.ts';
import { functionOf, isLive, revisionOf } from '../roles.ts';
import { specialise } from './specialise.ts';
import { claimPatch, claimSecret, createdMs } from './warm-pod.ts';

export interface ClaimerOptions {
  readonly client: Client;
  readonly log: Log;
  readonly objects: FunctionObjects;
  /** Tells the gateways of a pod that takes calls. */
  readonly tell: (pod: ClaimedPod) => void;
  /** What the secrets of the pods are made from. */
  readonly key: string;
}

/** What pods are claimed for. */
export interface ClaimOrder {
  readonly set: ReplicaSet;
  /** The ReplicaSet's generation once it has been raised. */
  readonly generation: number;
  readonly atMs: number;
  readonly body: Promise<Buffer>;
}

/** The claim of one pod, from its code on. */
export interface Attempt {
  readonly pod: Pod;
  state: 'loading' | 'loaded' | 'failed';
  /** What went wrong, in words; undefined once the pod has loaded the code. Never rejects. */
  readonly problem: Promise<string | undefined>;
}

/** A pod that hangs is given up after this time; under load all are slow. */
const aliveMs = 150;
/** As long as code may take to load before the pod is thought to be stuck. */
const loadMs = 60_000;
const hungGraceSeconds = 1;

/**
 * Makes a booted pod one of a ReplicaSet's: first its code over the wire, then its labels and owner.
 *
 * Invariants:
 * 1. Gateways are told of a pod once it has loaded the code, and only then: it can be no other
 *    function's any more. What is written tells it for good.
 * 2. A pod that has its labels before it has loaded the code carries `nought.dev/loading`: nobody
 *    takes its Ready condition for the function's.
 * 3. Whatever goes wrong, the pod is deleted: it is never given back, nor tried again. Its
 *    ReplicaSet's controller then makes one from the template, as if there had been no pool.
 */
export class Claimer {
  readonly #options: ClaimerOptions;
  #loading = 0;
  #whenCalm: (() => void)[] = [];

  constructor(options: ClaimerOptions) {
    this.#options = options;
  }

  /** Sends the code. */
  start(pod: Pod, order: ClaimOrder, signal: AbortSignal): Attempt {
    this.#loading += 1;
    const problem = this.#specialise(pod, order.body, signal).then((words) => {
      this.#loading -= 1;
      attempt.state = words === undefined ? 'loaded' : 'failed';
      if (words === undefined) this.#options.tell(claimedPod(pod, order.set));
      if (this.#loading === 0) for (const calm of this.#whenCalm.splice(0)) calm();
      return words;
    });
    const attempt: Attempt = { pod, state: 'loading', problem };
    return attempt;
  }

  /** Resolves when no pod is loading code: what is written before keeps its caller waiting. */
  calm(): Promise<void> {
    if (this.#loading === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenCalm.push(resolve));
  }

  /** Gives the pod to the ReplicaSet; resolves to true once that is so and the code is loaded. */
  async finish(attempt: Attempt, order: ClaimOrder, signal: AbortSignal): Promise<boolean> {
    const { pod } = attempt;
    const isLoading = attempt.state === 'loading';
    const problem = (await this.#relabel(pod, order, isLoading)) ?? (await attempt.problem);
    // Who takes over next deletes what was left half claimed.
    if (signal.aborted) return false;
    if (problem === undefined) {
      if (isLoading) await this.#unmark(pod);
      return true;
    }
    await this.giveUp(attempt, order.set, problem);
    return false;
  }

  async giveUp({ pod, state }: Attempt, set: ReplicaSet, problem: string): Promise<void> {
    this.#options.log.warn('A warm pod could not be used and is deleted', {
      pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
      revision: set.metadata.name,
      problem,
    });
    // Before it has loaded the code nobody was told of it, and it may hang.
    await this.discard(pod, state === 'loaded' ? undefined : hungGraceSeconds);
  }

  /** Deletes the pod, with the grace of its spec unless another one is given. */
  async discard(pod: Pod, gracePeriodSeconds?: number): Promise<void> {
    const { uid = '' } = pod.metadata;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const pods = this.#options.client.resource(refs.pods);
    await ignoringGone(() => pods.delete(pod.metadata, { preconditions: { uid }, ...grace }));
  }

  async #relabel(
    pod: Pod,
    { set, generation, atMs }: ClaimOrder,
    isLoading: boolean,
  ): Promise<string | undefined> {
    const { client, objects } = this.#options;
    const patch = claimPatch(pod, set, { generation, atMs, isLoading });
    try {
      const claimed = await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'json' });
      objects.notePod(claimed);
      return isLive(claimed) ? undefined : 'It was ending';
    } catch (error) {
      return `Its labels could not be changed: ${String(error)}`;
    }
  }

  async #unmark(pod: Pod): Promise<void> {
    const { client, objects } = this.#options;
    const annotations = { [names.annotation.loading]: null };
    const patch = { metadata: { uid: pod.metadata.uid, annotations } };
    await ignoringGone(async () => {
      objects.notePod(
        await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'merge' }),
      );
    });
  }

  async #specialise(
    pod: Pod,
    body: Promise<Buffer>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
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
        secret: claimSecret(this.#options.key, pod.metadata),
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

function claimedPod(pod: Pod, set: ReplicaSet): ClaimedPod {
  let restarts = 0;
  for (const container of pod.status?.containerStatuses ?? []) restarts += container.restartCount;
  return {
    uid: pod.metadata.uid ?? '',
    name: pod.metadata.name,
    function: functionOf(set),
    revision: revisionOf(set),
    host: pod.status?.podIP ?? '',
    port: names.functionPort,
    restarts,
    createdMs: createdMs(pod),
  };
}

async function ignoringGone(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isStatus(error, 'NotFound', 'Conflict', 'Invalid')) throw error;
  }
}
