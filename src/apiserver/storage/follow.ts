import type { Store } from '../../store/index.ts';
import type { Attachment, EventHub, HubItem } from './event-hub.ts';
import { HubEvent } from './hub-event.ts';

export interface FollowRequest {
  readonly prefix: string;
  readonly after: number;
  readonly signal: AbortSignal;
}

/**
 * All changes of a prefix after a revision: from the hub where its ring reaches back so far, else
 * first from a watch of the store until the hub has all that follows.
 *
 * Ends when the signal aborts, the server stops, or the reader is too slow. Throws CompactedError.
 */
export async function* follow(
  hub: EventHub,
  store: Store,
  { prefix, after, signal }: FollowRequest,
): AsyncGenerator<HubItem, void, undefined> {
  let attachment = hub.attach(prefix, after);
  if (attachment === undefined) {
    for await (const batch of store.watch({ prefix, after, signal })) {
      for (const event of batch.events) {
        yield { kind: 'event', event: new HubEvent(batch.revision, event) };
      }
      attachment = hub.attach(prefix, batch.revision);
      if (attachment !== undefined) break;
    }
  }
  if (attachment !== undefined) yield* drain(attachment, signal);
}

async function* drain(
  { replay, queue, detach }: Attachment,
  signal: AbortSignal,
): AsyncGenerator<HubItem, void, undefined> {
  signal.addEventListener('abort', detach, { once: true });
  try {
    if (signal.aborted) return;
    for (const event of replay) yield { kind: 'event', event };
    yield* queue;
  } finally {
    signal.removeEventListener('abort', detach);
    detach();
  }
}
