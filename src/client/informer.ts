import type { KubeObject } from '../api/index.ts';
import type { ObjectKey } from './client.ts';

export interface InformerHandlers<T extends KubeObject> {
  readonly added?: (object: T) => void;
  readonly updated?: (object: T, previous: T) => void;
  readonly deleted?: (object: T) => void;
}

/**
 * A local copy of a resource, kept by list and watch.
 *
 * Invariants:
 * 1. A relist replaces the copy, never merges into it: objects that are gone are reported as deleted.
 * 2. Handlers are called in the order of the server's events, after the copy has changed; a handler
 *    added later first gets `added` for everything that is there.
 * 3. Objects are shared and must not be changed.
 */
export interface Informer<T extends KubeObject> {
  /** Lists and watches until the signal aborts; reconnects with back-off for ever. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first list has been taken in. */
  synced(signal: AbortSignal): Promise<void>;
  hasSynced(): boolean;
  get(key: ObjectKey): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects under an index given at construction, e.g. by owner uid or node name. */
  byIndex(index: string, value: string): readonly T[];
  /** Returns a function that removes the handlers. */
  handle(handlers: InformerHandlers<T>): () => void;
}
