import { AsyncQueue } from '../../lib/async-queue.ts';
import type { Log } from '../../lib/log.ts';
import {
  CompactedError,
  SlowWatcherError,
  type Store,
  type StoreBatch,
} from '../../store/index.ts';
import { registryPrefix } from '../registry/resource.ts';
import { HubEvent } from './hub-event.ts';

/** What a watcher reads: changes in order, and now and then how far the hub has come. */
export type HubItem =
  | { readonly kind: 'event'; readonly event: HubEvent }
  /** Every change up to this revision has been queued before this. */
  | { readonly kind: 'progress'; readonly revision: number };

export interface Attachment {
  /** What happened between the revision asked for and the moment of attaching. */
  readonly replay: readonly HubEvent[];
  readonly queue: AsyncQueue<HubItem>;
  readonly detach: () => void;
}

interface Watcher {
  readonly prefix: string;
  readonly after: number;
  readonly queue: AsyncQueue<HubItem>;
}

/** What is kept to start watches that come a little late. */
const ringEvents = 4096;
const ringBytes = 8 << 20;
/** Changes that one watcher may be behind before its watch is ended. */
const watcherQueue = 4096;

/**
 * Hands the changes of all objects to all watchers, from one watch of the store.
 *
 * Owns the store watch, a bounded ring of the newest changes, and the watchers' queues.
 *
 * Invariants:
 * 1. `position` is a revision up to which every change has been put into the queues; it never goes
 *    back. All watchers see the same order.
 * 2. A watcher gets each change of its prefix after the revision it named, once; or its queue ends.
 * 3. A queue that is full ends: its watcher comes back with the last revision it has seen.
 * 4. The ring holds every change after `#ringStart`.
 */
export class EventHub {
  readonly #store: Store;
  readonly #log: Log;
  /** Watchers by the prefix of their kind. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #listeners = new Map<string, (event: HubEvent) => void>();
  #ring: HubEvent[] = [];
  #ringBytes = 0;
  #ringStart: number;
  #position: number;
  #following = false;

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#position = store.revision();
    this.#ringStart = this.#position;
  }

  get position(): number {
    return this.#position;
  }

  /** True while changes of the store reach the watchers. */
  get isFollowing(): boolean {
    return this.#following;
  }

  /** Calls back for each change of a kind, before any watcher sees it. */
  listen(resourcePrefix: string, listener: (event: HubEvent) => void): void {
    this.#listeners.set(resourcePrefix, listener);
  }

  /**
   * Attaches a watcher of all keys with the prefix (a kind, or a namespace of it) after a revision;
   * undefined when the ring does not reach back so far.
   */
  attach(prefix: string, after: number): Attachment | undefined {
    if (after < this.#ringStart) return undefined;
    const replay = this.#ring
      .slice(this.#ringIndex(after))
      .filter(({ key }) => key.startsWith(prefix))
      .map((event) => event.bare());
    const queue = new AsyncQueue<HubItem>(watcherQueue);
    const watcher = { prefix, after, queue };
    const kind = kindPrefix(prefix);
    const ofKind = this.#watchers.get(kind) ?? new Set();
    this.#watchers.set(kind, ofKind.add(watcher));
    const detach = (): void => {
      queue.end();
      ofKind.delete(watcher);
    };
    return { replay, queue, detach };
  }

  /** Tells all watchers how far the hub has come. */
  announceProgress(): void {
    const item: HubItem = { kind: 'progress', revision: this.#position };
    for (const ofKind of this.#watchers.values()) {
      for (const { queue } of ofKind) queue.push(item);
    }
  }

  /** Follows the store until the signal aborts; then all watchers end. */
  async run(signal: AbortSignal): Promise<void> {
    this.#following = true;
    try {
      while (!signal.aborted) await this.#follow(signal);
    } finally {
      this.#following = false;
      this.#endAll();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const after = this.#position;
    try {
      const batches = this.#store.watch({ prefix: registryPrefix, after, signal });
      for await (const batch of batches) this.#deliver(batch);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SlowWatcherError) {
        this.#log.warn('The watch of the store fell behind and starts again', { after });
      } else if (error instanceof CompactedError) {
        this.#log.warn('The watch of the store was overtaken by compaction; all watches end', {
          after,
        });
        this.#restartAt(Math.max(error.compactedRevision, this.#store.revision()));
      } else {
        throw error;
      }
    }
  }

  #deliver(batch: StoreBatch): void {
    for (const event of batch.events) {
      const hubEvent = new HubEvent(batch.revision, event);
      const kind = kindPrefix(event.key);
      this.#listeners.get(kind)?.(hubEvent);
      const ofKind = this.#watchers.get(kind);
      if (ofKind !== undefined) push(ofKind, hubEvent);
      this.#keep(hubEvent.bare());
    }
    this.#position = batch.revision;
  }

  #keep(event: HubEvent): void {
    this.#ring.push(event);
    this.#ringBytes += event.size;
    if (this.#ring.length <= 2 * ringEvents && this.#ringBytes <= 2 * ringBytes) return;
    let drop = 0;
    while (this.#ring.length - drop > ringEvents || this.#ringBytes > ringBytes) {
      const oldest = this.#ring[drop];
      if (oldest === undefined) break;
      this.#ringBytes -= oldest.size;
      this.#ringStart = oldest.revision;
      drop += 1;
    }
    // What shares the last dropped revision would break invariant 4.
    while (this.#ring[drop]?.revision === this.#ringStart) {
      this.#ringBytes -= this.#ring[drop]?.size ?? 0;
      drop += 1;
    }
    this.#ring = this.#ring.slice(drop);
  }

  /** Index of the first change after a revision. */
  #ringIndex(after: number): number {
    let low = 0;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ring[middle]?.revision ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #restartAt(revision: number): void {
    this.#endAll();
    this.#ring = [];
    this.#ringBytes = 0;
    this.#ringStart = revision;
    this.#position = revision;
  }

  #endAll(): void {
    for (const ofKind of this.#watchers.values()) {
      for (const { queue } of ofKind) queue.end();
    }
    this.#watchers.clear();
  }
}

function push(watchers: Set<Watcher>, event: HubEvent): void {
  const item: HubItem = { kind: 'event', event };
  for (const watcher of watchers) {
    const { prefix, after, queue } = watcher;
    if (event.revision <= after || !event.key.startsWith(prefix)) continue;
    if (queue.push(item)) continue;
    queue.end();
    watchers.delete(watcher);
  }
}

/** `/registry/GROUP/PLURAL/` of a key or of a longer prefix. */
function kindPrefix(key: string): string {
  const group = key.indexOf('/', registryPrefix.length);
  return key.slice(0, key.indexOf('/', group + 1) + 1);
}
