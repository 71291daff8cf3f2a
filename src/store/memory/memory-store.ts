import {
  CompactedError,
  FutureRevisionError,
  type CommitResult,
  type Entry,
  type RangeRequest,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreBatch,
  type StoreEvent,
  type Transaction,
  type WatchRequest,
  type Write,
} from '../store.ts';
import { nextTurn } from '../next-turn.ts';
import { checkTransaction } from '../transaction.ts';
import { defaultWatchLimits, WatchHub, type Replay, type WatchLimits } from '../watch-hub.ts';
import { SortedKeys } from './sorted-keys.ts';

export interface MemoryStoreOptions {
  readonly watchLimits?: WatchLimits;
}

/** A key as one transaction left it; no entry means that it was deleted. */
interface Version {
  readonly revision: number;
  readonly entry: Entry | undefined;
}

/** Revisions that one replay step reads. */
const replayRevisions = 1024;

/** Opens an empty store that lives in this process and nowhere else. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.watchLimits ?? defaultWatchLimits);
}

/**
 * The store's contract in its plainest form, for tests and for clusters that may forget.
 *
 * Owns every version of every key since the compacted revision; memory grows until `compact`.
 *
 * Invariants:
 * 1. `#history` holds one batch for each revision above the compacted one, without gaps.
 * 2. A key's versions are in order of revision; all but the first are above the compacted revision.
 * 3. `#keys` holds exactly the keys of `#versions`.
 * 4. A commit takes effect when it is called, and is acknowledged at the end of that turn.
 */
class MemoryStore implements Store {
  readonly #keys = new SortedKeys();
  readonly #versions = new Map<string, Version[]>();
  readonly #hub: WatchHub;
  #history: StoreBatch[] = [];
  #revision = 0;
  #compacted = 0;
  #closed = false;
  #turn: Promise<void> | undefined;

  constructor(limits: WatchLimits) {
    this.#hub = new WatchHub(
      {
        revision: () => this.#revision,
        compactedRevision: () => this.#compacted,
        replay: (prefix, after) => this.#replay(prefix, after),
      },
      limits,
    );
  }

  revision(): number {
    return this.#revision;
  }

  compactedRevision(): number {
    return this.#compacted;
  }

  async get(key: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    return this.#entryAt(key, this.#readRevision(options));
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const revision = this.#readRevision(request);
    const limit = request.limit ?? Infinity;
    const entries: Entry[] = [];
    let count = 0;
    for (const key of this.#keys.between(request.start, request.end)) {
      const entry = this.#entryAt(key, revision);
      if (entry === undefined) continue;
      count += 1;
      if (entries.length < limit) entries.push(entry);
    }
    return { entries, revision, more: count > entries.length, count };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    const result = this.#commit(transaction);
    await (this.#turn ??= this.#endOfTurn());
    return result;
  }

  watch(request: WatchRequest): AsyncIterable<StoreBatch> {
    return this.#hub.watch(request);
  }

  async compact(revision: number): Promise<void> {
    this.#throwIfClosed();
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compacted) return;
    const forgotten = this.#history.splice(0, revision - this.#compacted);
    this.#compacted = revision;
    const gone = new Set<string>();
    for (const { events } of forgotten) {
      for (const { key } of events) if (this.#prune(key, revision)) gone.add(key);
    }
    this.#keys.deleteAll(gone);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#hub.close();
  }

  #commit(transaction: Transaction): CommitResult {
    this.#throwIfClosed();
    checkTransaction(transaction);
    for (const { key, modRevision } of transaction.compare) {
      const current = this.#entryAt(key, this.#revision);
      if ((current?.modRevision ?? 0) !== modRevision) return { kind: 'conflict', key, current };
    }
    const revision = this.#revision + 1;
    const events: StoreEvent[] = [];
    for (const write of transaction.writes) {
      const event = this.#apply(write, revision);
      if (event !== undefined) events.push(event);
    }
    this.#revision = revision;
    this.#history.push({ revision, events });
    this.#hub.publish(
      revision,
      events.map((event) => ({ key: event.key, event: () => event })),
    );
    return { kind: 'committed', revision };
  }

  /** Writers in a loop must not keep watchers, and everyone else, from their turn. */
  async #endOfTurn(): Promise<void> {
    await nextTurn();
    this.#turn = undefined;
  }

  #apply(write: Write, revision: number): StoreEvent | undefined {
    const { key, kind } = write;
    const previous = this.#entryAt(key, this.#revision);
    const createRevision = previous?.createRevision ?? revision;
    if (write.kind === 'delete') {
      if (previous === undefined) return undefined;
      this.#record(key, { revision, entry: undefined });
      return { kind, key, value: undefined, previous, createRevision };
    }
    const value = Uint8Array.from(write.value);
    this.#record(key, { revision, entry: { key, value, createRevision, modRevision: revision } });
    return { kind, key, value, previous, createRevision };
  }

  #record(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions !== undefined) {
      versions.push(version);
      return;
    }
    this.#versions.set(key, [version]);
    this.#keys.add(key);
  }

  /** Drops what no read at or after the revision can see; true when nothing of the key is left. */
  #prune(key: string, revision: number): boolean {
    const versions = this.#versions.get(key);
    if (versions === undefined) return false;
    const seen = versions.findLastIndex((version) => version.revision <= revision);
    const needed = versions[seen]?.entry === undefined ? seen + 1 : seen;
    versions.splice(0, needed);
    return versions.length === 0 && this.#versions.delete(key);
  }

  #entryAt(key: string, revision: number): Entry | undefined {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.entry;
  }

  #readRevision({ revision = this.#revision }: ReadOptions): number {
    this.#throwIfClosed();
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    return revision;
  }

  #replay(prefix: string, after: number): Replay {
    const from = after - this.#compacted;
    const batches: StoreBatch[] = [];
    const read = this.#history.slice(from, from + replayRevisions);
    for (const { revision, events } of read) {
      const wanted = events.filter(({ key }) => key.startsWith(prefix));
      if (wanted.length > 0) batches.push({ revision, events: wanted });
    }
    return { batches, reached: after + read.length };
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new Error('Cannot use the store: it is closed');
  }
}
