import type { Log } from '../lib/log.ts';
import { ConfigError, type ConfigRef, type Configuration } from './configuration.ts';
import type { Volumes } from './volumes.ts';

export interface VolumeUpdatesOptions {
  readonly configuration: Configuration;
  /** Brings the volumes up to date; tells what they come from now. */
  readonly update: () => Promise<Volumes>;
  readonly log: Log;
}

/**
 * Brings the files of a running pod's volumes up to date as their sources change.
 *
 * Invariants:
 * 1. One update at a time; what changes meanwhile makes another one.
 * 2. What cannot be read leaves the files as they are.
 */
export class VolumeUpdates {
  readonly #options: VolumeUpdatesOptions;
  readonly #end = new AbortController();
  readonly #followed = new Set<string>();
  #working = false;
  #again = false;

  constructor(options: VolumeUpdatesOptions) {
    this.#options = options;
  }

  /** Updates whenever one of these changes. */
  follow(sources: readonly ConfigRef[]): void {
    for (const ref of sources) {
      const key = `${ref.kind}/${ref.name}`;
      if (this.#followed.has(key)) continue;
      this.#followed.add(key);
      this.#options.configuration.follow(ref, () => this.check(), this.#end.signal);
    }
  }

  /** Something that the files may come from has changed. */
  check(): void {
    this.#again = true;
    if (this.#working) return;
    this.#working = true;
    void this.#work().finally(() => {
      this.#working = false;
    });
  }

  close(): void {
    this.#end.abort(new Error('The pod is done'));
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#end.signal.aborted) {
      this.#again = false;
      try {
        this.follow((await this.#options.update()).sources);
      } catch (error) {
        if (error instanceof ConfigError || this.#end.signal.aborted) continue;
        this.#options.log.warn('Cannot update the volumes of a pod', { error: String(error) });
      }
    }
  }
}
