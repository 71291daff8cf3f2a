import type { Event, KubeObject } from '../api/index.ts';
import { formatTime, isStatus } from '../api/index.ts';
import { AsyncQueue } from '../lib/async-queue.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import type { Client } from './client.ts';
import { refs } from './refs.ts';

export interface EventRecorderOptions {
  readonly client: Client;
  /** Who reports: `replicaset-controller`, `kubelet`. */
  readonly component: string;
  /** The node that reports, where it is one. */
  readonly host?: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

export interface Report {
  readonly type: 'Normal' | 'Warning';
  /** A word in camel case, for machines. */
  readonly reason: string;
  readonly message: string;
  /** The part of the object that is meant, such as `spec.containers{web}`. */
  readonly fieldPath?: string;
}

const queueLimit = 1000;
/** What an event tells of is going on right now and has more need of the disk and the CPU. */
const delayMs = 250;
const knownLimit = 4096;
/** Per object: this many events at once, then one each `refillMs` (client-go's spam filter). */
const burst = 25;
const refillMs = 300_000;
const messageLimit = 1024;

interface Waiting {
  readonly object: KubeObject;
  readonly report: Report;
  /** Wall time of the report. */
  readonly at: number;
  /** Monotonic time at which it is written. */
  readonly due: number;
}

/**
 * Writes core/v1 Events about objects, one at a time and in order, a moment after they were reported.
 *
 * Owns a queue and the counts of what it has written lately.
 *
 * Invariants:
 * 1. `report` never waits and never throws: what finds the queue full is dropped and logged.
 * 2. The same words about the same object are one Event whose `count` grows.
 * 3. No object gets more than 25 writes at once and then one in 5 minutes.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue = new AsyncQueue<Waiting>(queueLimit);
  /** What was written, by its words; the least recently used first. */
  readonly #known = new Map<string, Event>();
  readonly #budgets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  report(object: KubeObject, report: Report): void {
    const { clock } = this.#options;
    const waiting = { object, report, at: clock.now(), due: clock.monotonic() + delayMs };
    if (!this.#queue.push(waiting)) {
      this.#options.log.debug('An event was dropped: too many are waiting', { ...report });
    }
  }

  /** Writes what is reported until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const end = (): void => this.#queue.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const { clock } = this.#options;
    for await (const waiting of this.#queue) {
      const earlyMs = waiting.due - clock.monotonic();
      if (earlyMs > 0) await clock.sleep(earlyMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const { report } = waiting;
      try {
        await this.#write(waiting);
      } catch (error) {
        if (!signal.aborted) {
          this.#options.log.debug('An event was not written', { ...report, error: String(error) });
        }
      }
    }
    signal.removeEventListener('abort', end);
  }

  async #write({ object, report, at }: Waiting): Promise<void> {
    const { client } = this.#options;
    const uid = object.metadata.uid ?? '';
    if (!this.#allow(uid)) return;
    const words = JSON.stringify([uid, report]);
    const events = client.resource(refs.events);
    const now = formatTime(at);
    const known = this.#known.get(words);
    this.#known.delete(words);
    if (known !== undefined) {
      try {
        const change = { count: (known.count ?? 1) + 1, lastTimestamp: now };
        const written = await events.patch(known.metadata, change, { type: 'merge' });
        remember(this.#known, words, written);
        return;
      } catch (error) {
        // It has been deleted, as old events are: begin anew.
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    remember(this.#known, words, await events.create(this.#first(object, report, now)));
  }

  #first(object: KubeObject, report: Report, now: string): Event {
    const { component, host, ids } = this.#options;
    const { name, uid, resourceVersion } = object.metadata;
    // Events about objects without a namespace live in "default", as upstream's do.
    const namespace = object.metadata.namespace ?? 'default';
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: `${name.slice(0, 230)}.${ids.uid().replaceAll('-', '').slice(0, 16)}`,
        namespace,
      },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(report.fieldPath === undefined ? {} : { fieldPath: report.fieldPath }),
      },
      type: report.type,
      reason: report.reason,
      message: report.message.slice(0, messageLimit),
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  #allow(uid: string): boolean {
    const now = this.#options.clock.monotonic();
    const budget = this.#budgets.get(uid) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, budget.tokens + (now - budget.at) / refillMs);
    this.#budgets.delete(uid);
    remember(this.#budgets, uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}

/** Sets a key as the most recently used one and forgets the least recently used beyond the limit. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= knownLimit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
