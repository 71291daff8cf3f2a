import type { Entry, RangeRequest, RangeResult } from '../store.ts';
import { maxKeyBytes } from '../key.ts';
import { nextTurn } from '../next-turn.ts';
import type { Environment } from './environment.ts';
import type { History } from './history.ts';
import { decodeHead, type Head } from './layout.ts';

/** Keys that one turn of the event loop reads. */
const keysPerTurn = 1024;

/** A key's newest write, and whether the key exists after it. */
interface Candidate {
  readonly key: Buffer;
  readonly head: Head;
  readonly alive: boolean;
}

interface Page {
  readonly candidates: readonly Candidate[];
  /** Where the next page starts; undefined after the last. */
  readonly next: Buffer | undefined;
}

interface Progress {
  readonly entries: Entry[];
  count: number;
  start: Buffer | undefined;
}

/**
 * Reads a range as of a revision, in pieces of one turn each. The caller must keep the revision from
 * being compacted meanwhile; it is read from history as soon as newer writes have come in between.
 */
export async function readRange(
  env: Environment,
  history: History,
  request: RangeRequest & { readonly revision: number },
): Promise<RangeResult> {
  const { revision, limit = Infinity } = request;
  const end = bound(request.end);
  const progress: Progress = { entries: [], count: 0, start: bound(request.start) };
  while (progress.start !== undefined) {
    const start = progress.start;
    const newest = env.counter('revision') === revision;
    if (newest && progress.entries.length >= limit) {
      progress.count += countHeads(env, start, end);
      break;
    }
    const room = limit - progress.entries.length;
    const page = readPage(env, { start, end, newest, keys: pageSize(newest, room) });
    for (const candidate of page.candidates) {
      if (progress.entries.length >= limit) progress.count += existed(history, candidate, revision);
      else collect(history, candidate, { progress, revision });
    }
    progress.start = page.next;
    if (page.next !== undefined && page.candidates.length >= keysPerTurn) await nextTurn();
  }
  const { entries, count } = progress;
  return { entries, revision, more: count > entries.length, count };
}

/** Stops at the limit when all keys of the page are sure to be in the result. */
function pageSize(newest: boolean, room: number): number {
  return newest ? Math.min(keysPerTurn, room) : keysPerTurn;
}

function collect(
  history: History,
  { head, alive }: Candidate,
  { progress, revision }: { readonly progress: Progress; readonly revision: number },
): void {
  if (head.revision <= revision && !alive) return;
  const entry = head.revision <= revision ? history.entry(head) : history.entryAt(head, revision);
  if (entry === undefined) return;
  progress.entries.push(entry);
  progress.count += 1;
}

function existed(history: History, { head, alive }: Candidate, revision: number): 0 | 1 {
  if (head.revision <= revision) return alive ? 1 : 0;
  return history.existedAt(head, revision) ? 1 : 0;
}

function countHeads(env: Environment, start: Buffer, end: Buffer): number {
  return Buffer.compare(start, end) < 0 ? env.heads.getKeysCount(bounds(start, end)) : 0;
}

interface PageRequest {
  readonly start: Buffer;
  readonly end: Buffer;
  readonly newest: boolean;
  readonly keys: number;
}

/** One page of heads and, unless the newest revision is read, the graves between them. */
function readPage(env: Environment, { start, end, newest, keys }: PageRequest): Page {
  if (Buffer.compare(start, end) >= 0) return { candidates: [], next: undefined };
  const heads: Candidate[] = [];
  for (const { key, value } of env.heads.getRange({ ...bounds(start, end), limit: keys })) {
    heads.push({ key, head: decodeHead(value), alive: true });
  }
  const last = heads.length < keys ? undefined : heads.at(-1)?.key;
  const next = last === undefined ? undefined : successor(last);
  if (newest) return { candidates: heads, next };
  const graves: Candidate[] = [];
  for (const { key, value } of env.graves.getRange(bounds(start, next ?? end))) {
    graves.push({ key, head: decodeHead(value), alive: false });
  }
  if (graves.length === 0) return { candidates: heads, next };
  const candidates = [...heads, ...graves].toSorted((a, b) => Buffer.compare(a.key, b.key));
  return { candidates, next };
}

/** LMDB takes no longer bounds; what is cut off cannot matter, because every key is shorter. */
function bound(key: string): Buffer {
  return Buffer.from(key).subarray(0, maxKeyBytes + 1);
}

/** LMDB takes no empty key, and all keys are above it. */
function bounds(start: Buffer, end: Buffer): { readonly start: Buffer; readonly end: Buffer } {
  return { start: start.length === 0 ? Buffer.alloc(1) : start, end };
}

/** The first key after this one. */
function successor(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)]);
}
