import { compareKeys } from '../key.ts';
import type { CommitResult, Entry, RangeRequest, RangeResult, StoreBatch } from '../store.ts';
import type { StoreEvent, Transaction } from '../store.ts';

type State = ReadonlyMap<string, Entry>;

/** What a store must do, said as simply as can be: a full copy of the state for each revision. */
export class StoreModel {
  readonly #states: State[] = [new Map()];
  readonly #batches: StoreBatch[] = [{ revision: 0, events: [] }];
  compacted = 0;

  get revision(): number {
    return this.#states.length - 1;
  }

  commit({ compare, writes }: Transaction): CommitResult {
    const before = this.#stateAt(this.revision);
    for (const { key, modRevision } of compare) {
      const current = before.get(key);
      if ((current?.modRevision ?? 0) !== modRevision) return { kind: 'conflict', key, current };
    }
    const revision = this.revision + 1;
    const after = new Map(before);
    const events: StoreEvent[] = [];
    for (const write of writes) {
      const { key, kind } = write;
      const previous = before.get(key);
      const createRevision = previous?.createRevision ?? revision;
      if (write.kind === 'put') {
        const { value } = write;
        after.set(key, { key, value, createRevision, modRevision: revision });
        events.push({ kind, key, value, previous, createRevision });
      } else if (after.delete(key)) {
        events.push({ kind, key, value: undefined, previous, createRevision });
      }
    }
    this.#states.push(after);
    this.#batches.push({ revision, events });
    return { kind: 'committed', revision };
  }

  range({ start, end, limit = Infinity, revision = this.revision }: RangeRequest): RangeResult {
    const inside = [...this.#stateAt(revision).values()]
      .filter(({ key }) => compareKeys(start, key) <= 0 && compareKeys(key, end) < 0)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    const entries = inside.slice(0, limit);
    return { entries, revision, more: entries.length < inside.length, count: inside.length };
  }

  get(key: string, revision: number): Entry | undefined {
    return this.#stateAt(revision).get(key);
  }

  /** All batches that a watch yields that began after the given revision. */
  watch(prefix: string, after: number): StoreBatch[] {
    return this.#batches.slice(after + 1).flatMap(({ revision, events }) => {
      const wanted = events.filter(({ key }) => key.startsWith(prefix));
      return wanted.length === 0 ? [] : [{ revision, events: wanted }];
    });
  }

  #stateAt(revision: number): State {
    return this.#states[revision] ?? new Map();
  }
}
