import type { FunctionObject, TrafficTarget } from '../../api/index.ts';
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
 * Finds functions and tags that were just made: who has seen the API server accept one may call it,
 * although the watch has not told the gateway yet.
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

  /**
   * Resolves when the watch has told of `namespace/name`, or that the tag of `namespace/name@tag` is in
   * force, or there is none; undefined for a name that cannot be.
   */
  lookup(key: string): Promise<void> | undefined {
    const [namespace = '', word = ''] = key.split('/');
    const [name = '', tag, ...more] = word.split('@');
    if (!label.test(namespace) || !label.test(name) || more.length > 0) return undefined;
    if (tag !== undefined && !label.test(tag)) return undefined;
    const pending = this.#lookups.get(key);
    if (pending !== undefined) return pending;
    if (this.#lookups.size >= maxLookups) return undefined;
    const lookup = this.#lookup({ namespace, name }, tag).finally(() => this.#lookups.delete(key));
    this.#lookups.set(key, lookup);
    return lookup;
  }

  async #lookup(key: Required<ObjectKey>, tag: string | undefined): Promise<void> {
    const { find, functions, clock, signal } = this.#options;
    // Without the API server the gateway goes on with what it knows.
    const found = await find(key).catch(() => undefined);
    if (found === undefined || (tag !== undefined && !hasTag(found.spec.traffic, tag))) return;
    const isTold = (fn: FunctionObject | undefined): boolean =>
      fn !== undefined && (tag === undefined || hasTag(fn.status?.traffic, tag));
    if (isTold(functions.get(key))) return;
    const told = Promise.withResolvers<void>();
    const look = (fn: FunctionObject): void => {
      const { name, namespace } = fn.metadata;
      if (name === key.name && namespace === key.namespace && isTold(fn)) told.resolve();
    };
    const stop = functions.handle({ added: look, updated: look });
    const enough = new AbortController();
    const lag = clock
      .sleep(watchLagMs, AbortSignal.any([signal, enough.signal]))
      .catch(() => undefined);
    await Promise.race([told.promise, lag]);
    enough.abort();
    stop();
  }
}

function hasTag(targets: readonly TrafficTarget[] | undefined, tag: string): boolean {
  return targets?.some((target) => target.tag === tag) === true;
}
