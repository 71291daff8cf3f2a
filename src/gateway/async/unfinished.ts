import type { InvocationObject } from '../../api/index.ts';
import { type Client, createInformer, type Informer, refs } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';

export interface UnfinishedOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Unfinished invocations of a function. */
export interface Pending {
  readonly count: number;
  /** Characters of their bodies in base64. */
  readonly size: number;
}

interface Expected {
  readonly group: string;
  readonly size: number;
}

const selector = ['Succeeded', 'Failed', 'Cancelled']
  .map((phase) => `status.phase!=${phase}`)
  .join(',');
/** How long the watch may take to tell of what was just created. */
const watchLagMs = 10_000;

/**
 * The invocations that are not finished: how many there are of a function, and when one of them is
 * finished.
 *
 * Owns a watch, which begins with the first asynchronous call: a gateway without any has none.
 *
 * Invariants:
 * 1. What this gateway has created, or is creating, counts from that moment, not only when the watch
 *    tells of it.
 */
export class Unfinished {
  readonly #options: UnfinishedOptions;
  readonly #informer: Informer<InvocationObject>;
  /** Created here and not seen yet: when, and of which function; both by `namespace/name`. */
  readonly #unseen = new Map<string, Expected & { readonly at: number }>();
  readonly #waiting = new Map<string, Set<() => void>>();
  #running: Promise<void> | undefined;

  constructor(options: UnfinishedOptions) {
    const { client, clock, log } = options;
    this.#options = options;
    this.#informer = createInformer({
      resource: client.resource(refs.invocations),
      fieldSelector: selector,
      clock,
      log,
      indexes: { function: (invocation) => [groupOf(invocation)] },
      transform: withoutContents,
    });
  }

  /** Settles when the watch has ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** True once the watch knows all there are; false when that takes longer than `ms`. */
  async ready(ms: number): Promise<boolean> {
    if (this.#informer.hasSynced()) return true;
    const { clock, signal } = this.#options;
    this.#running ??= this.#run();
    const enough = new AbortController();
    const end = AbortSignal.any([signal, enough.signal]);
    const synced = this.#informer.synced(end).then(
      () => true,
      () => false,
    );
    const late = clock.sleep(ms, end).then(
      () => false,
      () => false,
    );
    const known = await Promise.race([synced, late]);
    enough.abort();
    return known;
  }

  /** Those of a function (`namespace/name`). */
  of(group: string): Pending {
    const known = this.#informer.byIndex('function', group);
    let count = known.length;
    let size = 0;
    for (const one of known) size += sizes.get(one) ?? 0;
    const oldest = this.#options.clock.monotonic() - watchLagMs;
    for (const [key, unseen] of this.#unseen) {
      if (unseen.at < oldest) this.#unseen.delete(key);
      else if (unseen.group === group) {
        count += 1;
        size += unseen.size;
      }
    }
    return { count, size };
  }

  /** One is about to be created. */
  expect(key: string, expected: Expected): void {
    this.#unseen.set(key, { ...expected, at: this.#options.clock.monotonic() });
  }

  /** It was not created after all. */
  forget(key: string): void {
    this.#unseen.delete(key);
  }

  /**
   * Resolves when the watch has told that the invocation is finished or gone, when it never heard of
   * it, or when the signal aborts.
   */
  async finished(key: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const isKnown = this.#informer.get({ namespace, name }) !== undefined || this.#unseen.has(key);
    if (!isKnown || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(key);
  }

  async #run(): Promise<void> {
    const stop = this.#informer.handle({
      added: (invocation) => this.#unseen.delete(keyOf(invocation)),
      deleted: (invocation) => {
        for (const resolve of this.#waiting.get(keyOf(invocation)) ?? []) resolve();
      },
    });
    await this.#informer.run(this.#options.signal);
    stop();
  }
}

function keyOf({ metadata }: InvocationObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function groupOf({ metadata, spec }: InvocationObject): string {
  return `${metadata.namespace ?? ''}/${spec.functionRef.name}`;
}

const sizes = new WeakMap<InvocationObject, number>();

/** Counted by the thousands, and read nowhere. */
function withoutContents({ metadata, spec, ...rest }: InvocationObject): InvocationObject {
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
  const { functionRef, request } = spec;
  const { apiVersion, kind } = rest;
  const kept = {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion },
    spec: { functionRef, request: { method: '', path: '' } },
  };
  sizes.set(kept, request.body?.length ?? 0);
  return kept;
}
