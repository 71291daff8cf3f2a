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
  type Transaction,
  type WatchRequest,
} from '../store.ts';
import { maxKeyBytes } from '../key.ts';
import { WatchHub, type WatchLimits } from '../watch-hub.ts';
import { Committer } from './committer.ts';
import type { Environment } from './environment.ts';
import { History } from './history.ts';
import { Pins } from './pins.ts';
import { readRange } from './range.ts';
import { sweepStep } from './sweep.ts';

/**
 * The store's contract on LMDB; `layout.ts` says how it lies on disk.
 *
 * Owns the environment and its file. Keeps no data in memory but what waits for the disk or for a
 * watcher: reads go to the map of the file.
 *
 * Invariants:
 * 1. What is read, watched or acknowledged is on disk; see the committer.
 * 2. `#compacted` moves when that is on disk, and only then are records removed, in steps; a crash
 *    in between leaves records that the next compaction removes.
 * 3. A read that takes more than one turn pins its revision, and compaction waits for it.
 */
export class LmdbStore implements Store {
  readonly #env: Environment;
  readonly #history: History;
  readonly #committer: Committer;
  readonly #hub: WatchHub;
  readonly #pins = new Pins();
  readonly #release: () => void;
  #compacted: number;
  #compaction: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** `release` is called when the environment is closed. */
  constructor(env: Environment, limits: WatchLimits, release: () => void) {
    this.#env = env;
    this.#release = release;
    this.#history = new History(env);
    this.#compacted = env.counter('compacted');
    this.#hub = new WatchHub(
      {
        revision: () => this.revision(),
        compactedRevision: () => this.#compacted,
        replay: (prefix, after) => this.#history.replay(prefix, after, this.revision()),
      },
      limits,
    );
    this.#committer = new Committer(env, this.#history, ({ revision, writes }) =>
      this.#hub.publish(revision, writes),
    );
  }

  revision(): number {
    return this.#committer.revision();
  }

  compactedRevision(): number {
    return this.#compacted;
  }

  async get(key: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    const revision = this.#readRevision(options);
    const bytes = Buffer.from(key);
    if (bytes.length === 0 || bytes.length > maxKeyBytes) return undefined;
    const head = this.#history.head(bytes);
    if (head !== undefined && head.revision <= revision) return this.#history.entry(head);
    const newest = head ?? this.#history.grave(bytes);
    return newest === undefined ? undefined : this.#history.entryAt(newest, revision);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const revision = this.#readRevision(request);
    return this.#pins.hold(revision, () =>
      readRange(this.#env, this.#history, { ...request, revision }),
    );
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    this.#throwIfClosing();
    return this.#committer.commit(transaction);
  }

  watch(request: WatchRequest): AsyncIterable<StoreBatch> {
    return this.#hub.watch(request);
  }

  async compact(revision: number): Promise<void> {
    this.#throwIfClosing();
    if (revision > this.revision()) throw new FutureRevisionError(revision, this.revision());
    const compaction = this.#compaction.then(() => this.#compactTo(revision));
    this.#compaction = compaction.catch(() => undefined);
    await compaction;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #compactTo(revision: number): Promise<void> {
    if (revision <= this.#compacted || this.#closing !== undefined) return;
    await this.#committer.maintain(() => [this.#env.counterChange('compacted', revision)]);
    this.#compacted = revision;
    await this.#pins.released(revision);
    let swept = 0;
    while (swept < revision && this.#closing === undefined) swept = await this.#sweep(revision);
  }

  async #sweep(target: number): Promise<number> {
    let swept = target;
    await this.#committer.maintain(() => {
      const step = sweepStep(this.#env, this.#history, target);
      swept = step.swept;
      return step.changes;
    });
    return swept;
  }

  async #close(): Promise<void> {
    this.#hub.close();
    await this.#compaction;
    await this.#pins.released(Infinity);
    await this.#committer.drain();
    await this.#env.close();
    this.#release();
  }

  #readRevision({ revision = this.revision() }: ReadOptions): number {
    this.#throwIfClosing();
    if (revision > this.revision()) throw new FutureRevisionError(revision, this.revision());
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    return revision;
  }

  #throwIfClosing(): void {
    if (this.#closing !== undefined) throw new Error('Cannot use the store: it is closed');
  }
}
