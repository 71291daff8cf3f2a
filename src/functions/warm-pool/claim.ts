import { formatClaim, type Pod } from '../../api/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Attempt, Claimer, ClaimOrder } from './claimer.ts';

export interface ClaimOptions {
  readonly claimer: Claimer;
  readonly clock: Clock;
  readonly order: ClaimOrder;
  /** Other pods are to be made by the same raise. */
  readonly isUrgent: boolean;
  /** Gives another pod in place of one that did not answer. */
  readonly another: () => Pod | undefined;
  /** Called once for each pod, with what became of it. */
  readonly ended: (claimed: boolean) => void;
  /** Called when a pod that is of no use could not even be deleted. */
  readonly failed: (error: unknown) => void;
  /** Takes what goes on after this object has been used; never rejects. */
  readonly track: (work: Promise<void>) => void;
  readonly signal: AbortSignal;
}

/** Most code is loaded by then; what is not goes on loading while the writes are under way. */
const patienceMs = 10;
/** How long what is to be written waits for the pods of other claims, which calls wait for too. */
const courtesyMs = 40;

/**
 * The claim of some pods for one raise of a ReplicaSet.
 *
 * `ready` resolves when each has loaded the code or has been replaced, after 10 ms at the latest, and
 * a little later while other claims are under way: calls are served from when the code is loaded, what
 * is written is not what they wait for. Then the ReplicaSet is to be raised with `annotation`, and
 * `take` is to be called right after.
 */
export class Claim {
  readonly #options: ClaimOptions;
  #attempts: readonly Attempt[];

  constructor(pods: readonly Pod[], options: ClaimOptions) {
    this.#options = options;
    this.#attempts = pods.map((pod) => this.#start(pod));
  }

  async ready(): Promise<void> {
    const { clock, claimer, isUrgent } = this.#options;
    const enough = new AbortController();
    const untilMs = clock.monotonic() + patienceMs;
    const patience = this.#sleep(patienceMs, enough.signal);
    do {
      await Promise.race([patience, Promise.all(this.#attempts.map(({ problem }) => problem))]);
    } while (this.#replace() && clock.monotonic() < untilMs);
    if (!isUrgent && this.#attempts.length > 0) {
      await Promise.race([claimer.calm(), this.#sleep(courtesyMs, enough.signal)]);
    }
    enough.abort();
  }

  /** For the ReplicaSet, in the write that raises it; undefined when no pod is left. */
  get annotation(): string | undefined {
    const { generation, atMs } = this.#options.order;
    const pods = this.#attempts.map(({ pod }) => pod.metadata.uid ?? '');
    return pods.length === 0 ? undefined : formatClaim({ generation, atMs, pods });
  }

  /** Gives the pods to the ReplicaSet, which is being raised. */
  take(): void {
    const { claimer, order, signal } = this.#options;
    for (const attempt of this.#attempts) this.#track(claimer.finish(attempt, order, signal));
  }

  /** Puts others in the place of pods that failed, as far as there are any; true when it did. */
  #replace(): boolean {
    const { another } = this.#options;
    let replaced = false;
    this.#attempts = this.#attempts.flatMap((attempt) => {
      if (attempt.state !== 'failed') return [attempt];
      this.#track(this.#giveUp(attempt));
      const pod = another();
      replaced ||= pod !== undefined;
      return pod === undefined ? [] : [this.#start(pod)];
    });
    return replaced;
  }

  #sleep(ms: number, enough: AbortSignal): Promise<void> {
    const { clock, signal } = this.#options;
    return clock.sleep(ms, AbortSignal.any([signal, enough])).catch(() => undefined);
  }

  async #giveUp(attempt: Attempt): Promise<boolean> {
    const { claimer, order } = this.#options;
    await claimer.giveUp(attempt, order.set, (await attempt.problem) ?? '');
    return false;
  }

  #track(work: Promise<boolean>): void {
    const { ended, failed, track } = this.#options;
    track(work.then(ended, failed));
  }

  #start(pod: Pod): Attempt {
    const { claimer, order, signal } = this.#options;
    return claimer.start(pod, order, signal);
  }
}
