import { CompactedError, SlowWatcherError } from '../../store/index.ts';
import { StatusError } from '../../api/index.ts';
import { presentationOf, type Presentation } from '../codec/present.ts';
import type { Call } from '../engine.ts';
import { collectionPrefix } from '../registry/resource.ts';
import { tooManyRequests } from '../refusals.ts';
import { jsonType, type Answer, type Payload } from '../request.ts';
import { follow } from '../storage/follow.ts';
import { listObjects } from '../storage/list-objects.ts';
import { framePayload, plainFrame, type WatchFrame } from '../storage/watch-frame.ts';
import { parseWatchOptions, type WatchOptions } from './list-options.ts';
import { reachRevision } from './reach-revision.ts';
import { onlyKey, parseSelection, type Selection } from './selection.ts';
import { selectChange } from './select-change.ts';
import { FrameView } from './frame-view.ts';

/** A watch without timeoutSeconds ends after 30 to 60 minutes, as upstream's. */
const minTimeoutMs = 1_800_000;
/** The largest delay that a Node timer keeps. */
const maxTimeoutMs = 2 ** 31 - 1;
/** Objects read at a time for the initial events. */
const initialChunk = 500;

/** Counts the watches that are open now, to bound them. */
export interface WatchCount {
  open: number;
}

/** GET with `watch=true`: the events of a collection, as they happen. */
export async function watchCollection(call: Call, count: WatchCount): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const options = parseWatchOptions(request.query);
  const selection = parseSelection(request.query, resource);
  const limit = engine.limits.concurrentWatches;
  if (count.open >= limit) {
    throw tooManyRequests(`Cannot open another watch: ${limit} are open already`, 1);
  }
  if (options.initialEvents && options.wish.kind === 'not-older') {
    await reachRevision(engine, options.wish.revision, request.signal);
  }
  return {
    kind: 'watch',
    frames: counted(count, new WatchRun(call, options, selection, presentation).frames()),
    contentType: jsonType,
  };
}

async function* counted<T>(count: WatchCount, items: AsyncIterable<T>): AsyncGenerator<T> {
  count.open += 1;
  try {
    yield* items;
  } finally {
    count.open -= 1;
  }
}

/** One watch from its first event to its end. */
class WatchRun {
  readonly #call: Call;
  readonly #options: WatchOptions;
  readonly #selection: Selection;
  readonly #view: FrameView;
  readonly #prefix: string;
  /** The revision up to which the watcher knows everything. */
  #seen = 0;

  constructor(call: Call, options: WatchOptions, selection: Selection, presentation: Presentation) {
    this.#call = call;
    this.#options = options;
    this.#selection = selection;
    this.#view = new FrameView(presentation, call.resource);
    this.#prefix = collectionPrefix(call.resource, call.namespace);
  }

  /** Ends by itself at the timeout, when the caller has gone, or when the server stops. */
  async *frames(): AsyncGenerator<Payload, void, undefined> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const { signal } = this.#call.request;
    signal.addEventListener('abort', end, { once: true });
    const timer = setTimeout(end, this.#timeoutMs());
    try {
      if (!signal.aborted) yield* this.#run(ended.signal);
      if (!signal.aborted && this.#options.bookmarks) yield this.#view.bookmark(this.#seen);
    } catch (error) {
      // Who is too slow comes back with the last revision that reached him.
      const over = ended.signal.aborted || error instanceof SlowWatcherError;
      if (!over) yield errorFrame(error, this.#options);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      ended.abort();
    }
  }

  async *#run(signal: AbortSignal): AsyncGenerator<Payload, void, undefined> {
    const { wish, initialEvents, bookmarks } = this.#options;
    if (wish.kind === 'not-older' && !initialEvents) {
      this.#seen = wish.revision;
    } else {
      yield* this.#initial();
      if (initialEvents && bookmarks) yield this.#view.initialEventsEnd(this.#seen);
    }
    yield* this.#live(signal);
  }

  /** What exists, as ADDED events in the order of its keys, from one snapshot. */
  async *#initial(): AsyncGenerator<Payload, void, undefined> {
    const { engine, resource } = this.#call;
    const { all, matches } = this.#selection;
    let start: string | undefined = this.#prefix;
    let revision: number | undefined;
    while (start !== undefined) {
      const page = await listObjects(engine.store, {
        resource,
        prefix: this.#prefix,
        start,
        only: onlyKey(resource, this.#prefix, this.#selection),
        revision,
        limit: initialChunk,
        matches: all ? undefined : matches,
      });
      revision = page.revision;
      for (const stored of page.items) yield this.#view.frame(framePayload('ADDED', stored));
      start = page.next;
    }
    this.#seen = revision ?? 0;
  }

  async *#live(signal: AbortSignal): AsyncGenerator<Payload, void, undefined> {
    const { engine, resource } = this.#call;
    const request = { prefix: this.#prefix, after: this.#seen, signal };
    for await (const item of follow(engine.hub, engine.store, request)) {
      if (item.kind === 'progress') {
        if (item.revision <= this.#seen) continue;
        this.#seen = item.revision;
        if (this.#options.bookmarks) yield this.#view.bookmark(item.revision);
        continue;
      }
      const frame: WatchFrame | undefined = selectChange(item.event.as(resource), this.#selection);
      this.#seen = item.event.revision;
      if (frame !== undefined) yield this.#view.frame(frame);
    }
  }

  #timeoutMs(): number {
    const asked = this.#options.timeoutMs;
    if (asked !== undefined) return Math.min(asked, maxTimeoutMs);
    return minTimeoutMs * (1 + Math.random());
  }
}

/** A watch's failure as its last event: the answer's status has long been sent. */
function errorFrame(error: unknown, { wish }: WatchOptions): Payload {
  if (error instanceof StatusError) return plainFrame('ERROR', error.toStatus());
  if (error instanceof CompactedError) {
    const from = wish.kind === 'not-older' ? wish.revision : 0;
    const message = `too old resource version: ${from} (${error.compactedRevision})`;
    return plainFrame('ERROR', new StatusError(410, 'Expired', message).toStatus());
  }
  throw error;
}
