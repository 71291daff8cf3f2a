import { isStatus, type Pod, type PodStatus } from '../api/index.ts';
import type { ResourceClient } from '../client/index.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface StatusWriterOptions {
  readonly pods: ResourceClient<Pod>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes one pod's status to the API server.
 *
 * Invariants:
 * 1. One request at a time; of the statuses that come in meanwhile only the latest is written.
 * 2. A status that equals the last one that was written is not written again.
 * 3. Failures are repeated with back-off until a write succeeds, the pod is gone or the signal aborts.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #pod: Pod;
  readonly #signal: AbortSignal;
  #wanted: PodStatus | undefined;
  #written = '';
  #work: Promise<void> | undefined;

  constructor(pod: Pod, options: StatusWriterOptions, signal: AbortSignal) {
    this.#options = options;
    this.#pod = pod;
    this.#signal = signal;
  }

  /** Takes the newest status; does not wait. */
  write(status: PodStatus): void {
    this.#wanted = status;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  /** Resolves when the newest status is written, or cannot be. */
  async flushed(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
  }

  async #run(): Promise<void> {
    const backOff = new BackOff();
    while (this.#wanted !== undefined && !this.#signal.aborted) {
      const status = this.#wanted;
      const text = JSON.stringify(status);
      this.#wanted = undefined;
      if (text === this.#written) continue;
      try {
        await this.#patch(status);
        this.#written = text;
        backOff.reset();
      } catch (error) {
        // Gone, or another pod of the same name: its status is not ours to write.
        if (isStatus(error, 'NotFound', 'Conflict')) return;
        this.#wanted ??= status;
        const delayMs = backOff.next();
        this.#options.log.warn('Cannot write the status of a pod, trying again', {
          pod: `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`,
          delayMs,
          error: String(error),
        });
        await this.#options.clock.sleep(delayMs, this.#signal).catch(() => undefined);
      }
    }
  }

  async #patch(status: PodStatus): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    const key = namespace === undefined ? { name } : { namespace, name };
    // The uid makes it a conflict when the name belongs to another pod by now.
    const patch = { metadata: { uid }, status };
    await this.#options.pods.patch(key, patch, { type: 'merge', subresource: 'status' });
  }
}
