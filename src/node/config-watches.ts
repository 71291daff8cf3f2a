import { type Client, refs } from '../client/index.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import type { ConfigRef } from './configuration.ts';

interface Followed {
  readonly seen: Set<() => void>;
  readonly end: AbortController;
}

/**
 * Watches of single ConfigMaps and Secrets.
 *
 * Invariants:
 * 1. There is one watch for each object that somebody follows, and none for others.
 * 2. A watch that breaks off is made anew; whoever follows then hears of the object as it is.
 */
export class ConfigWatches {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #followed = new Map<string, Followed>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Calls `seen` for the object as it is and with each change, until the signal aborts. */
  follow(ref: ConfigRef, seen: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const key = `${ref.kind}/${ref.namespace}/${ref.name}`;
    let followed = this.#followed.get(key);
    if (followed === undefined) {
      followed = { seen: new Set(), end: new AbortController() };
      this.#followed.set(key, followed);
      void this.#watch(ref, followed);
    }
    const { seen: all, end } = followed;
    // Each has a set entry of its own, however often the same function follows.
    const entry = (): void => seen();
    all.add(entry);
    signal.addEventListener(
      'abort',
      () => {
        all.delete(entry);
        if (all.size > 0) return;
        this.#followed.delete(key);
        end.abort(new Error('Nobody follows it'));
      },
      { once: true },
    );
  }

  async #watch(ref: ConfigRef, { seen, end }: Followed): Promise<void> {
    const { kind, namespace, name } = ref;
    const { signal } = end;
    const resource =
      kind === 'Secret'
        ? this.#client.resource(refs.secrets)
        : this.#client.resource(refs.configmaps);
    const options = { namespace, fieldSelector: `metadata.name=${name}` };
    const backOff = new BackOff();
    while (!signal.aborted) {
      try {
        // Without a resourceVersion the watch begins with what is there.
        for await (const { type } of resource.watch(options, signal)) {
          backOff.reset();
          if (type === 'BOOKMARK') continue;
          for (const each of seen) each();
        }
      } catch {
        // The server is away, or has no history that old: the next watch begins with what is there.
      }
      await this.#clock.sleep(backOff.next(), signal).catch(() => undefined);
    }
  }
}
