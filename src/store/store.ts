/**
 * An ordered key-value store with one revision counter and watches, in the manner of etcd.
 *
 * Invariants:
 * 1. Each committed transaction gets the next revision; all of its writes share it.
 * 2. A commit is durable before its promise resolves (nothing is ever durable in `memory`).
 * 3. A read at a revision sees exactly the state after that revision's transaction.
 * 4. A watch from a revision yields each later write of its prefix once, in order of revision, and
 *    never one that is not durable.
 * 5. After `compact(r)`, reads at revisions below r and watches from revisions below r fail with
 *    CompactedError; nothing else changes.
 *
 * Keys are compared as bytes of their UTF-8; at most 1 KiB. Values are opaque.
 */
export interface Store extends AsyncDisposable {
  /** The newest revision whose transaction is durable; 0 for an empty store. */
  revision(): number;
  /** The newest revision that was compacted away; 0 when none was. */
  compactedRevision(): number;
  get(key: string, options?: ReadOptions): Promise<Entry | undefined>;
  /** Entries with `start` ≤ key < `end` in key order. Throws CompactedError, FutureRevisionError. */
  range(request: RangeRequest): Promise<RangeResult>;
  /** Applies all writes if all comparisons hold, else none. */
  commit(transaction: Transaction): Promise<CommitResult>;
  /**
   * Events of keys with the prefix and a revision > `after`, one array per revision.
   * Ends when the signal aborts; throws CompactedError when `after` < compacted revision, and
   * SlowWatcherError when the reader falls too far behind (it may watch again from where it was).
   */
  watch(request: WatchRequest): AsyncIterable<StoreBatch>;
  /** Forgets history before `revision`. Throws FutureRevisionError when it is not yet reached. */
  compact(revision: number): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the transaction that created the key (since it last did not exist). */
  readonly createRevision: number;
  /** Revision of the transaction that wrote this value. */
  readonly modRevision: number;
}

export interface ReadOptions {
  /** Read as of this revision; the newest when left out. */
  readonly revision?: number;
}

export interface RangeRequest extends ReadOptions {
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
  /** At most this many entries; no limit when left out. */
  readonly limit?: number;
}

export interface RangeResult {
  readonly entries: readonly Entry[];
  /** The revision that the result shows. */
  readonly revision: number;
  /** True when the limit cut the result. */
  readonly more: boolean;
  /** Number of entries in the whole range at that revision. */
  readonly count: number;
}

export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

export interface Transaction {
  /** Each key's modRevision must be the given one; 0 means that the key must not exist. */
  readonly compare: readonly { readonly key: string; readonly modRevision: number }[];
  readonly writes: readonly Write[];
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly revision: number }
  /** The first comparison that failed, with the entry that is there. */
  | { readonly kind: 'conflict'; readonly key: string; readonly current: Entry | undefined };

export interface WatchRequest {
  readonly prefix: string;
  readonly after: number;
  readonly signal: AbortSignal;
}

export interface StoreEvent {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** The new value; undefined for a delete. */
  readonly value: Uint8Array | undefined;
  /** The entry as it was before this write; undefined for a creation. */
  readonly previous: Entry | undefined;
  readonly createRevision: number;
}

export interface StoreBatch {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

/** The history asked for has been compacted away. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactedRevision: number;
  constructor(requested: number, compactedRevision: number) {
    super(
      `Cannot read at revision ${requested}: history before revision ${compactedRevision} was compacted`,
    );
    this.compactedRevision = compactedRevision;
  }
}

/** The revision asked for is not yet reached. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  constructor(requested: number, current: number) {
    super(`Cannot read at revision ${requested}: the store is at revision ${current}`);
  }
}

/** A watcher's bounded queue is full. */
export class SlowWatcherError extends Error {
  override readonly name = 'SlowWatcherError';
  constructor(prefix: string) {
    super(`Cannot go on watching "${prefix}": the reader is too slow`);
  }
}

/** Too many commits wait for the disk; nothing of this one was done, and it may be tried again. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
  constructor(waiting: number) {
    super(`Cannot commit: ${waiting} commits are waiting for the disk; try again later`);
  }
}
