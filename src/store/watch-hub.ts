import { AsyncQueue } from '../lib/async-queue.ts';
import { nextTurn } from './next-turn.ts';
import {
  CompactedError,
  SlowWatcherError,
  type StoreBatch,
  type StoreEvent,
  type WatchRequest,
} from './store.ts';

/** How much one watcher may have waiting before it counts as too slow. */
export interface WatchLimits {
  readonly batches: number;
  readonly bytes: number;
}

export const defaultWatchLimits: WatchLimits = { batches: 4096, bytes: 32 * 1024 * 1024 };

/** One write of a committed transaction; `event` is called only when somebody watches the key. */
export interface PublishedWrite {
  readonly key: string;
  event(): StoreEvent;
}

/** Batches read from history, complete up to and including revision `reached`. */
export interface Replay {
  readonly batches: readonly StoreBatch[];
  readonly reached: number;
}

/** What a watch needs of its store. */
export interface WatchSource {
  revision(): number;
  compactedRevision(): number;
  /** Reads a bounded piece of history after the revision; synchronous, so nothing moves meanwhile. */
  replay(prefix: string, after: number): Replay;
}

interface Watcher {
  readonly prefix: string;
  readonly after: number;
  readonly queue: AsyncQueue<StoreBatch>;
  waitingBytes: number;
}

/**
 * Hands committed transactions to watchers: first from history, then live.
 *
 * Owns the live watchers and their queues.
 *
 * Invariants:
 * 1. A watcher goes live in the same turn in which its replay has reached the store's revision, so
 *    that nothing is missed or repeated in between.
 * 2. `publish` is called once per revision, in order, and only for what is durable.
 * 3. Each queue is bounded by batches and bytes; a full one ends its watch with SlowWatcherError
 *    after what was queued, and the watcher may start again from there.
 */
export class WatchHub {
  readonly #source: WatchSource;
  readonly #limits: WatchLimits;
  readonly #watchers = new Set<Watcher>();
  readonly #closed = new AbortController();

  constructor(source: WatchSource, limits: WatchLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  async *watch(request: WatchRequest): AsyncGenerator<StoreBatch, void, undefined> {
    const { prefix, signal } = request;
    let after = request.after;
    for (;;) {
      if (signal.aborted) return;
      this.#throwIfClosed(prefix);
      const compacted = this.#source.compactedRevision();
      if (after < compacted) throw new CompactedError(after, compacted);
      if (after >= this.#source.revision()) break;
      const replay = this.#source.replay(prefix, after);
      for (const batch of replay.batches) {
        yield batch;
        if (signal.aborted) return;
      }
      after = replay.reached;
      await nextTurn();
    }
    yield* this.#live({ prefix, after, signal });
  }

  publish(revision: number, writes: readonly PublishedWrite[]): void {
    for (const watcher of this.#watchers) {
      if (revision <= watcher.after) continue;
      const wanted = writes.filter(({ key }) => key.startsWith(watcher.prefix));
      if (wanted.length === 0) continue;
      try {
        this.#deliver(watcher, { revision, events: wanted.map((write) => write.event()) });
      } catch (error) {
        // The write stands; who cannot be told of it must not go on as if there were none.
        this.#end(watcher, error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Ends all watches with an error that says that the store is closed. */
  close(): void {
    this.#closed.abort();
    for (const watcher of this.#watchers) this.#end(watcher, closedError(watcher.prefix));
  }

  async *#live(request: WatchRequest): AsyncGenerator<StoreBatch, void, undefined> {
    const { prefix, after, signal } = request;
    const queue = new AsyncQueue<StoreBatch>(this.#limits.batches);
    const watcher: Watcher = { prefix, after, queue, waitingBytes: 0 };
    const end = (): void => queue.end();
    signal.addEventListener('abort', end, { once: true });
    this.#watchers.add(watcher);
    try {
      for await (const batch of queue) {
        watcher.waitingBytes -= sizeOf(batch);
        yield batch;
        if (signal.aborted) return;
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', end);
    }
  }

  #deliver(watcher: Watcher, batch: StoreBatch): void {
    const bytes = sizeOf(batch);
    // A single batch over the limit must still get through to a reader that keeps up.
    const fits = watcher.waitingBytes === 0 || watcher.waitingBytes + bytes <= this.#limits.bytes;
    if (fits && watcher.queue.push(batch)) {
      watcher.waitingBytes += bytes;
      return;
    }
    this.#end(watcher, new SlowWatcherError(watcher.prefix));
  }

  #end(watcher: Watcher, error: Error): void {
    this.#watchers.delete(watcher);
    watcher.queue.end(error);
  }

  #throwIfClosed(prefix: string): void {
    if (this.#closed.signal.aborted) throw closedError(prefix);
  }
}

function sizeOf(batch: StoreBatch): number {
  let bytes = 0;
  for (const { value, previous } of batch.events) {
    bytes += (value?.byteLength ?? 0) + (previous?.value.byteLength ?? 0);
  }
  return bytes;
}

function closedError(prefix: string): Error {
  return new Error(`Cannot watch "${prefix}": the store is closed`);
}
