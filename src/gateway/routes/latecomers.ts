import type { FunctionObject } from '../../api/index.ts';
import type { Informer, ObjectKey } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';

export interface LatecomersOptions {
  readonly functions: Informer<FunctionObject>;
  /** Asks the API server itself. */
  readonly find: (key: Required<ObjectKey>) => Promise<FunctionObject | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Lookups at once: calls of names that do not exist must not become a load on the API server. */
const maxLookups = 16;
/** How long the watch may take to tell of what the API server has. */
const watchLagMs = 2000;
const label = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * Finds functions that were just created: who has seen the API server accept one may call it, although
 * the watch has not told the gateway yet.
 *
 * Invariants:
 * 1. The routes come from the watch alone; this only waits for it.
 * 2. One lookup per name and `maxLookups` in all are under way; beyond that the watch's word counts.
 */
export class Latecomers {
  readonly #options: LatecomersOptions;
  readonly #lookups = new Map<string, Promise<void>>();

  constructor(options: LatecomersOptions) {
    this.#options = options;
  }

  /** Resolves when the watch has told of the function, or it does not exist; undefined for a name that cannot. */
  lookup(key: string): Promise<void> | undefined {
    const [namespace = '', name = ''] = key.split('/');
    if (!label.test(namespace) || !label.test(name)) return undefined;
    const pending = this.#lookups.get(key);
    if (pending !== undefined) return pending;
    if (this.#lookups.size >= maxLookups) return undefined;
    const lookup = this.#lookup({ namespace, name }).finally(() => this.#lookups.delete(key));
    this.#lookups.set(key, lookup);
    return lookup;
  }

  async #lookup(key: Required<ObjectKey>): Promise<void> {
    const { find, functions, clock, signal } = this.#options;
    // Without the API server the gateway goes on with what it knows.
    const found = await find(key).catch(() => undefined);
    if (found === undefined || functions.get(key) !== undefined) return;
    const told = Promise.withResolvers<void>();
    const stop = functions.handle({
      added: ({ metadata }) => {
        if (metadata.name === key.name && metadata.namespace === key.namespace) told.resolve();
      },
    });
    const enough = new AbortController();
    const lag = clock
      .sleep(watchLagMs, AbortSignal.any([signal, enough.signal]))
      .catch(() => undefined);
    await Promise.race([told.promise, lag]);
    enough.abort();
    stop();
  }
}
