import type { Entry, StoreBatch, StoreEvent } from '../store.ts';
import type { Replay } from '../watch-hub.ts';
import type { Environment, Table } from './environment.ts';
import {
  decodeHead,
  decodePlace,
  decodeRecord,
  encodePlace,
  type Head,
  type LogRecord,
  type Place,
} from './layout.ts';

/** Log records that one replay step reads at least, to bound the time it blocks. */
const replayRecords = 512;

/** A record together with where it is. */
export interface PlacedRecord {
  readonly place: Place;
  readonly record: LogRecord;
}

/** Reads keys and events as they were at a revision. Everything here is synchronous. */
export class History {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  head(key: Buffer): Head | undefined {
    return readHead(this.#env.heads, key);
  }

  grave(key: Buffer): Head | undefined {
    return readHead(this.#env.graves, key);
  }

  entry(head: Head): Entry {
    return entryOf({ place: head, record: this.#recordAt(head) });
  }

  /** The key's entry at a revision that is not compacted, starting from its head or grave. */
  entryAt(newest: Head, revision: number): Entry | undefined {
    const found = this.#visible(newest, revision);
    return found?.record.kind === 'put' ? entryOf(found) : undefined;
  }

  /** Whether the key existed at the revision; reads the log only when the head cannot tell. */
  existedAt(newest: Head, revision: number): boolean {
    if (newest.createRevision <= revision && revision < newest.revision) return true;
    return this.#visible(newest, revision)?.record.kind === 'put';
  }

  /** The entry before the write with this link; undefined when there was none. */
  previous(link: Place | undefined, created: boolean): Entry | undefined {
    if (created || link === undefined) return undefined;
    return entryOf({ place: link, record: this.#recordAt(link) });
  }

  /** Events after `after`, up to `upTo`; stops early at the end of a revision. */
  replay(prefix: string, after: number, upTo: number): Replay {
    const batches: StoreBatch[] = [];
    let events: StoreEvent[] = [];
    let reached = after;
    let read = 0;
    for (const { place, record } of this.records(after, upTo)) {
      if (place.revision !== reached) {
        if (events.length > 0) batches.push({ revision: reached, events });
        if (read >= replayRecords) return { batches, reached };
        events = [];
        reached = place.revision;
      }
      read += 1;
      if (record.key.startsWith(prefix)) events.push(this.#event(place, record));
    }
    if (events.length > 0) batches.push({ revision: reached, events });
    return { batches, reached: upTo };
  }

  /** Log records above `after`, up to and including `upTo`. Must be read in one turn. */
  *records(after: number, upTo: number): Generator<PlacedRecord, void, undefined> {
    const start = encodePlace({ revision: after + 1, index: 0 });
    const end = encodePlace({ revision: upTo + 1, index: 0 });
    for (const { key, value } of this.#env.log.getRange({ start, end })) {
      yield { place: decodePlace(key), record: decodeRecord(value) };
    }
  }

  #event(place: Place, { kind, key, value, link, createRevision }: LogRecord): StoreEvent {
    const previous = this.previous(link, createRevision === place.revision);
    return {
      kind,
      key,
      value: kind === 'put' ? value : undefined,
      previous,
      createRevision,
    };
  }

  /** The write that the revision shows; undefined when there was none yet, or a forgotten delete. */
  #visible(newest: Head, revision: number): PlacedRecord | undefined {
    let place: Place = newest;
    let record = this.#recordAt(place);
    while (place.revision > revision) {
      const { link } = record;
      if (link === undefined) return undefined;
      const before = this.#findRecord(link);
      if (before === undefined) {
        // Only a deletion may be gone: a creation's link outlives what it points to.
        if (record.createRevision === place.revision) return undefined;
        throw this.#missing(link);
      }
      place = link;
      record = before;
    }
    return { place, record };
  }

  #recordAt(place: Place): LogRecord {
    const record = this.#findRecord(place);
    if (record === undefined) throw this.#missing(place);
    return record;
  }

  #findRecord(place: Place): LogRecord | undefined {
    const bytes = this.#env.log.getBinary(encodePlace(place));
    return bytes === undefined ? undefined : decodeRecord(bytes);
  }

  #missing({ revision, index }: Place): Error {
    return new Error(
      `Cannot read store "${this.#env.path}": write ${index} of revision ${revision} is missing; restore "data.mdb" from a copy`,
    );
  }
}

function entryOf({ place, record }: PlacedRecord): Entry {
  const { key, value, createRevision } = record;
  return { key, value, createRevision, modRevision: place.revision };
}

function readHead(table: Table, key: Buffer): Head | undefined {
  const bytes = table.getBinary(key);
  return bytes === undefined ? undefined : decodeHead(bytes);
}
