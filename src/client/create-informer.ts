import type { KubeList, KubeObject, WatchEvent } from '../api/index.ts';
import { StatusError } from '../api/index.ts';
import { BackOff, type BackOffOptions, reconnectBackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { abortable, deferred } from '../lib/wait.ts';
import type { ListOptions, ObjectKey, ResourceClient } from './client.ts';
import type { Informer, InformerHandlers } from './informer.ts';
import { type Indexes, ObjectCache } from './object-cache.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly resource: ResourceClient<T>;
  readonly clock: Clock;
  readonly log: Log;
  /** All namespaces when left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Indexes<T>;
  /** What of an object to keep; name, namespace, uid and resourceVersion must stay. */
  readonly transform?: (object: T) => T;
  readonly backOff?: BackOffOptions;
  readonly random?: () => number;
}

/** The server is asked to end a watch after 5 to 10 minutes, as client-go does. */
const watchSeconds = { least: 300, spread: 300 };
/** How long after that time a watch counts as hung. */
const watchGraceMs = 30_000;
/** A watch that lived this long was a success, even when it ended with an error. */
const settledMs = 5000;

/** An informer over list and watch; see `Informer` for what it promises. */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  return new ListWatchInformer({
    transform: (object) => object,
    backOff: reconnectBackOff,
    random: Math.random,
    indexes: {},
    ...options,
  });
}

type Resolved<T extends KubeObject> = InformerOptions<T> &
  Required<Pick<InformerOptions<T>, 'transform' | 'backOff' | 'random' | 'indexes'>>;

/**
 * Invariants, beside those of `Informer`:
 * 1. A watch goes on after the last event or bookmark that was taken in; only when the server says
 *    that this is too old is the list taken anew.
 * 2. One name never changes from one object to another by `updated`: the old one is deleted first.
 */
class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly #options: Resolved<T>;
  readonly #log: Log;
  readonly #cache: ObjectCache<T>;
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #synced = deferred<void>();
  #hasSynced = false;
  /** Where the next watch goes on; undefined when a list has to come first. */
  #resourceVersion: string | undefined;

  constructor(options: Resolved<T>) {
    this.#options = options;
    this.#log = options.log.child({ resource: options.resource.ref.plural });
    this.#cache = new ObjectCache(options.indexes);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, backOff: backOffOptions, random } = this.#options;
    const backOff = new BackOff(backOffOptions, random);
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      try {
        await this.#listAndWatch(signal);
        // A server that ends each watch at once is not asked again at once.
        if (clock.monotonic() - startedAt >= settledMs) {
          backOff.reset();
          continue;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (clock.monotonic() - startedAt >= settledMs) backOff.reset();
        if (isTooOld(error)) {
          this.#resourceVersion = undefined;
          this.#log.info('The watch is too far behind; listing anew');
        } else {
          this.#log.warn('The watch broke and will be taken up again', { error: String(error) });
        }
      }
      await clock.sleep(backOff.next(), signal).catch(() => undefined);
    }
  }

  synced(signal: AbortSignal): Promise<void> {
    return abortable(this.#synced.promise, signal);
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  get(key: ObjectKey): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  handle(handlers: InformerHandlers<T>): () => void {
    // A set of its own, so that the same handlers can be added twice and removed one by one.
    const own = { ...handlers };
    const present = this.#cache.list();
    this.#handlers.add(own);
    for (const object of present) this.#call(() => own.added?.(object));
    return () => {
      this.#handlers.delete(own);
    };
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const { resource, namespace, labelSelector, fieldSelector, random } = this.#options;
    const scope = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
    if (this.#resourceVersion === undefined) await this.#list(scope, signal);
    const timeoutSeconds = Math.ceil(watchSeconds.least + watchSeconds.spread * random());
    const ended = new AbortController();
    const hung = this.#abortWhenHung(ended, timeoutSeconds * 1000 + watchGraceMs, signal);
    try {
      const events = resource.watch(
        {
          ...scope,
          resourceVersion: this.#resourceVersion,
          allowWatchBookmarks: true,
          timeoutSeconds,
        },
        AbortSignal.any([signal, ended.signal]),
      );
      for await (const event of events) this.#take(event);
    } finally {
      ended.abort();
      await hung;
    }
  }

  /** Apart from the watch: the function that waits for events would keep the whole list in memory. */
  async #list(scope: ListOptions, signal: AbortSignal): Promise<void> {
    const list = await abortable(this.#options.resource.list(scope), signal);
    this.#replace(list);
    this.#resourceVersion = list.metadata.resourceVersion;
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  async #abortWhenHung(watch: AbortController, ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, AbortSignal.any([signal, watch.signal]));
      watch.abort(new Error('The server did not end the watch when it was due'));
    } catch {
      // The watch ended before.
    }
  }

  #take(event: WatchEvent<T>): void {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#put(this.#options.transform(event.object));
        break;
      case 'DELETED': {
        const object = this.#options.transform(event.object);
        const previous = this.#cache.delete(object.metadata);
        if (previous !== undefined) this.#notify((handlers) => handlers.deleted?.(object));
        break;
      }
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw StatusError.fromResponse(event.object.code, event.object);
    }
    this.#resourceVersion = event.object.metadata['resourceVersion'] as string;
  }

  #put(object: T): void {
    const previous = this.#cache.get(object.metadata);
    if (previous === undefined) {
      this.#cache.set(object);
      this.#notify((handlers) => handlers.added?.(object));
    } else if (previous.metadata.uid !== object.metadata.uid) {
      this.#cache.delete(previous.metadata);
      this.#notify((handlers) => handlers.deleted?.(previous));
      this.#cache.set(object);
      this.#notify((handlers) => handlers.added?.(object));
    } else if (previous.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.#cache.set(object);
      this.#notify((handlers) => handlers.updated?.(object, previous));
    }
  }

  #replace(list: KubeList<T>): void {
    const gone = new Set(this.#cache.list());
    for (const item of list.items) {
      const previous = this.#cache.get(item.metadata);
      if (previous !== undefined && previous.metadata.uid === item.metadata.uid) {
        gone.delete(previous);
      }
    }
    for (const object of gone) {
      this.#cache.delete(object.metadata);
      this.#notify((handlers) => handlers.deleted?.(object));
    }
    for (const item of list.items) this.#put(this.#options.transform(item));
  }

  #notify(call: (handlers: InformerHandlers<T>) => void): void {
    // A copy: handlers added by a handler have already been given what is there.
    for (const handlers of Array.from(this.#handlers)) this.#call(() => call(handlers));
  }

  /** One handler's error must not keep the event from the others, nor end the watch. */
  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error('A handler of the informer failed', { error: String(error) });
    }
  }
}

function isTooOld(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone')
  );
}
