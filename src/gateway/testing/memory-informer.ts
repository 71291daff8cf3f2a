import type { KubeObject } from '../../api/index.ts';
import type { Informer, InformerHandlers, ObjectKey } from '../../client/index.ts';
import { aborted } from '../../lib/wait.ts';

/** An informer whose copy is set by the test. */
export class MemoryInformer<T extends KubeObject> implements Informer<T> {
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<InformerHandlers<T>>();

  /** Adds or changes an object. */
  put(object: T): void {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const { added, updated } of this.#handlers) {
      if (previous === undefined) added?.(object);
      else updated?.(object, previous);
    }
  }

  delete(key: ObjectKey): void {
    const object = this.#objects.get(keyOf(key));
    if (object === undefined) return;
    this.#objects.delete(keyOf(key));
    for (const { deleted } of this.#handlers) deleted?.(object);
  }

  /** What a relist does: afterwards exactly these objects are there. */
  replace(objects: readonly T[]): void {
    const kept = new Set(objects.map((object) => keyOf(object.metadata)));
    for (const object of this.list()) {
      if (!kept.has(keyOf(object.metadata))) this.delete(object.metadata);
    }
    for (const object of objects) this.put(object);
  }

  run(signal: AbortSignal): Promise<void> {
    return aborted(signal);
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  hasSynced(): boolean {
    return true;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyOf(key));
  }

  list(namespace?: string): readonly T[] {
    const all = [...this.#objects.values()];
    return namespace === undefined
      ? all
      : all.filter((object) => object.metadata.namespace === namespace);
  }

  byIndex(): readonly T[] {
    return [];
  }

  handle(handlers: InformerHandlers<T>): () => void {
    this.#handlers.add(handlers);
    for (const object of this.#objects.values()) handlers.added?.(object);
    return () => this.#handlers.delete(handlers);
  }
}

function keyOf(key: ObjectKey): string {
  return `${key.namespace ?? ''}/${key.name}`;
}
