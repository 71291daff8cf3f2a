import type { ApiObject } from '../api-object.ts';
import type { Engine } from '../engine.ts';
import { prefixEnd } from '../registry/resource.ts';
import { listObjects } from '../storage/list-objects.ts';

/** How long an Event is kept after it was last seen (upstream's --event-ttl). */
const eventTtlMs = 60 * 60_000;
const chunk = 500;

/** Removes Events that are older than an hour; to be called every few minutes. */
export async function expireEvents({ registry, store, objects, clock }: Engine): Promise<void> {
  const resource = registry.find('', 'v1', 'events');
  if (resource === undefined) return;
  const { prefix } = resource;
  const oldest = clock.now() - eventTtlMs;
  let start: string | undefined = prefix;
  while (start !== undefined && start < prefixEnd(prefix)) {
    const page = await listObjects(store, {
      resource,
      prefix,
      start,
      revision: undefined,
      limit: chunk,
      matches: (event) => lastSeenMs(event) < oldest,
    });
    // A conflict means that one was seen again meanwhile.
    for (const stored of page.items) await objects.remove(stored);
    start = page.next;
  }
}

function lastSeenMs(event: ApiObject): number {
  const times = [event['lastTimestamp'], event['eventTime'], event.metadata.creationTimestamp]
    .filter((time) => typeof time === 'string')
    .map((time) => Date.parse(time))
    .filter((time) => !Number.isNaN(time));
  return Math.max(0, ...times);
}
