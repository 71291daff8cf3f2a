import { CompactedError, FutureRevisionError, type Store } from '../../store/index.ts';
import { StatusError } from '../../api/index.ts';
import type { ApiObject } from '../api-object.ts';
import { futureVersion } from '../refusals.ts';
import { prefixEnd, type Resource } from '../registry/resource.ts';
import { Stored } from './stored.ts';

export interface ListQuery {
  readonly resource: Resource;
  /** Prefix of the collection; ends in `/`. */
  readonly prefix: string;
  /** First key; the prefix for a list from its beginning. */
  readonly start: string;
  /** The only key that can match, where that is known; `start` does not count then. */
  readonly only?: string | undefined;
  /** Read exactly this revision; the newest when undefined. */
  readonly revision: number | undefined;
  readonly limit: number | undefined;
  /** undefined matches everything, without parsing. */
  readonly matches: ((object: ApiObject) => boolean) | undefined;
}

export interface ListPage {
  readonly items: readonly Stored[];
  readonly revision: number;
  /** Key at which the next page starts; undefined at the end. */
  readonly next: string | undefined;
  /** Number of entries after this page, whether they match or not. */
  readonly remaining: number;
}

/** Entries read from the store at a time when only some of them match. */
const scanChunk = 500;

/** One page of a collection at one revision. Throws StatusError 410 for a compacted revision. */
export async function listObjects(store: Store, query: ListQuery): Promise<ListPage> {
  const { resource, prefix, limit, matches, only } = query;
  const end = only === undefined ? prefixEnd(prefix) : successor(only);
  const items: Stored[] = [];
  let { revision } = query;
  let start = only ?? query.start;
  for (;;) {
    const chunk = chunkLimit(limit, items.length, matches !== undefined);
    const range = await rangeAt(store, { start, end, revision, limit: chunk });
    revision = range.revision;
    for (const [index, entry] of range.entries.entries()) {
      const stored = new Stored(resource, entry.key, entry.value, entry.modRevision);
      if (matches !== undefined && !matches(stored.object)) continue;
      items.push(stored);
      if (items.length !== limit) continue;
      const remaining = range.count - index - 1;
      const next = remaining > 0 ? successor(entry.key) : undefined;
      return { items, revision, next, remaining };
    }
    const last = range.entries.at(-1);
    if (!range.more || last === undefined)
      return { items, revision, next: undefined, remaining: 0 };
    start = successor(last.key);
  }
}

/** The smallest key after `key`. */
function successor(key: string): string {
  return `${key}\u0000`;
}

function chunkLimit(
  limit: number | undefined,
  have: number,
  filtered: boolean,
): number | undefined {
  if (limit === undefined) return undefined;
  return filtered ? Math.max(scanChunk, limit) : limit - have;
}

interface RangeQuery {
  readonly start: string;
  readonly end: string;
  readonly revision: number | undefined;
  readonly limit: number | undefined;
}

async function rangeAt(store: Store, { start, end, revision, limit }: RangeQuery) {
  try {
    return await store.range({
      start,
      end,
      ...(revision === undefined ? {} : { revision }),
      ...(limit === undefined ? {} : { limit }),
    });
  } catch (error) {
    if (error instanceof CompactedError) throw expiredList();
    if (error instanceof FutureRevisionError) throw futureVersion(revision ?? 0, store.revision());
    throw error;
  }
}

function expiredList(): StatusError {
  return new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.');
}
