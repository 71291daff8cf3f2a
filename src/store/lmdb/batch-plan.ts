import type { CommitResult, StoreEvent, Transaction } from '../store.ts';
import type { PublishedWrite } from '../watch-hub.ts';
import type { Change, Environment } from './environment.ts';
import type { History } from './history.ts';
import {
  draftRecord,
  encodeHead,
  encodePlace,
  recordValue,
  sealRecord,
  type Head,
} from './layout.ts';

/** A transaction made ready to be committed: its keys and values are copied. */
export interface PreparedTransaction {
  readonly compare: Transaction['compare'];
  readonly writes: readonly PreparedWrite[];
  readonly bytes: number;
}

interface PreparedWrite {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly keyBytes: Buffer;
  /** The log record, but for its revisions. */
  readonly record: Buffer;
}

export function prepareTransaction({ compare, writes }: Transaction): PreparedTransaction {
  let bytes = 0;
  const prepared = writes.map((write): PreparedWrite => {
    const { kind, key } = write;
    const keyBytes = Buffer.from(key);
    const record = draftRecord(keyBytes, write.kind === 'put' ? write.value : undefined);
    bytes += record.length;
    return { kind, key, keyBytes, record };
  });
  return { compare: compare.map((comparison) => ({ ...comparison })), writes: prepared, bytes };
}

/** A transaction that the batch commits, with its writes as watchers see them. */
export interface PlannedTransaction {
  readonly revision: number;
  readonly writes: readonly PublishedWrite[];
}

/** What is known of a key within the batch: it exists, is deleted, or never was. */
interface KeyState {
  readonly head: Head | undefined;
  readonly grave: Head | undefined;
}

/**
 * Decides what a batch of transactions comes to, without writing anything.
 *
 * Owns the changes to make and the keys' states after them, so that each transaction sees the ones
 * before it in the same batch. Nothing of it counts until `changes` are on disk.
 */
export class BatchPlan {
  readonly changes: Change[] = [];
  readonly committed: PlannedTransaction[] = [];
  readonly #env: Environment;
  readonly #history: History;
  readonly #states = new Map<string, KeyState>();
  readonly #records = new Map<string, Buffer>();
  #revision: number;

  constructor(env: Environment, history: History, revision: number) {
    this.#env = env;
    this.#history = history;
    this.#revision = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Decides one transaction. When it throws, the plan is as it was. */
  add(transaction: PreparedTransaction): CommitResult {
    for (const { key, modRevision } of transaction.compare) {
      const { head } = this.#state(key, Buffer.from(key));
      if ((head?.revision ?? 0) === modRevision) continue;
      return { kind: 'conflict', key, current: this.#current(key, head) };
    }
    const revision = this.#revision + 1;
    const effective = transaction.writes
      .map((write) => ({ write, before: this.#state(write.key, write.keyBytes) }))
      .filter(({ write, before }) => write.kind === 'put' || before.head !== undefined);
    const writes = effective.map(({ write, before }, index) =>
      this.#plan(write, before, { revision, index }),
    );
    this.#revision = revision;
    this.committed.push({ revision, writes });
    return { kind: 'committed', revision };
  }

  #plan(
    { kind, key, keyBytes, record }: PreparedWrite,
    before: KeyState,
    place: { readonly revision: number; readonly index: number },
  ): PublishedWrite {
    const { heads, graves, log } = this.#env;
    const createRevision = before.head?.createRevision ?? place.revision;
    const link = before.head ?? before.grave;
    sealRecord(record, createRevision, link);
    const head: Head = { ...place, createRevision };
    const deleted = kind === 'delete';
    const [to, from] = deleted ? [graves, heads] : [heads, graves];
    this.changes.push(
      { table: log, key: encodePlace(place), value: record },
      { table: to, key: keyBytes, value: encodeHead(head) },
    );
    if (deleted || before.grave !== undefined) {
      this.changes.push({ table: from, key: keyBytes, value: undefined });
    }
    this.#states.set(key, deleted ? { head: undefined, grave: head } : { head, grave: undefined });
    this.#records.set(key, record);
    const history = this.#history;
    const created = before.head === undefined;
    const value = deleted ? undefined : recordValue(record);
    let event: StoreEvent | undefined;
    return {
      key,
      event: () =>
        (event ??= {
          kind,
          key,
          value,
          previous: history.previous(link, created),
          createRevision,
        }),
    };
  }

  #state(key: string, keyBytes: Buffer): KeyState {
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const head = this.#history.head(keyBytes);
    const state = { head, grave: head === undefined ? this.#history.grave(keyBytes) : undefined };
    this.#states.set(key, state);
    return state;
  }

  /** The entry that a comparison has met; its record may be one of this batch. */
  #current(key: string, head: Head | undefined): ReturnType<History['entryAt']> {
    if (head === undefined) return undefined;
    const record = this.#records.get(key);
    if (record === undefined) return this.#history.entry(head);
    const { createRevision, revision: modRevision } = head;
    return { key, value: recordValue(record), createRevision, modRevision };
  }
}
