import type { StoreEvent } from '../../store/index.ts';
import type { Resource } from '../registry/resource.ts';
import { framePayload, type WatchFrame } from './watch-frame.ts';
import { Stored } from './stored.ts';

/** A change of one object, as one served version of its kind shows it. */
export interface Change {
  readonly revision: number;
  /** The new state; undefined for a deletion. */
  readonly current: Stored | undefined;
  /** The state before, with the revision of this change; undefined for a creation. */
  readonly previous: Stored | undefined;
  /** The event for whoever selects the object before and after; made once for all watchers. */
  readonly frame: WatchFrame;
}

/** A change in the store, parsed at most once per served version however many watch it. */
export class HubEvent {
  readonly revision: number;
  readonly #event: StoreEvent;
  #changes: Change[] = [];

  constructor(revision: number, event: StoreEvent) {
    this.revision = revision;
    this.#event = event;
  }

  get key(): string {
    return this.#event.key;
  }

  /** The change as `resource` shows it. */
  as(resource: Resource): Change {
    const known = this.#changes.find(({ frame }) => frame.stored.resource === resource);
    if (known !== undefined) return known;
    const change = makeChange(this.revision, this.#event, resource);
    this.#changes.push(change);
    return change;
  }

  /** The same event without what was parsed, to be kept. */
  bare(): HubEvent {
    return new HubEvent(this.revision, this.#event);
  }

  /** Bytes that keeping this event holds. */
  get size(): number {
    return (this.#event.value?.byteLength ?? 0) + (this.#event.previous?.value.byteLength ?? 0);
  }
}

function makeChange(revision: number, event: StoreEvent, resource: Resource): Change {
  const { key, value, previous: before } = event;
  const current = value && new Stored(resource, key, value, revision);
  const previous = before && new Stored(resource, key, before.value, revision);
  const stored = current ?? previous ?? new Stored(resource, key, emptyObject, revision);
  const type = current === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
  return { revision, current, previous, frame: framePayload(type, stored) };
}

const emptyObject = Buffer.from('{"metadata":{"name":""}}');
