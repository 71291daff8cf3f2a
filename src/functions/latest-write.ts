import type { KubeObject } from '../api/index.ts';

const limit = 10_000;

/**
 * What this process wrote last, by uid, until its informer has seen it.
 *
 * Without it a decision could be made twice, or against a state that its own write has ended.
 * Bounded: the oldest writes are forgotten first, and then the informer's copy counts.
 */
export class LatestWrites<T extends KubeObject> {
  readonly #written = new Map<string, T>();

  /** Takes note of an object as the server answered it. */
  note(object: T): void {
    const uid = object.metadata.uid ?? '';
    this.#written.delete(uid);
    this.#written.set(uid, object);
    if (this.#written.size <= limit) return;
    for (const oldest of this.#written.keys()) {
      this.#written.delete(oldest);
      return;
    }
  }

  /** The newer one of the informer's copy and what was written. */
  pick(cached: T): T {
    const uid = cached.metadata.uid ?? '';
    const written = this.#written.get(uid);
    if (written === undefined) return cached;
    if (isOlder(cached, written)) return written;
    this.#written.delete(uid);
    return cached;
  }

  forget(object: T): void {
    this.#written.delete(object.metadata.uid ?? '');
  }
}

/** Resource versions of one resource are integers that grow (KEP-5504). */
function isOlder(a: KubeObject, b: KubeObject): boolean {
  const left = a.metadata.resourceVersion ?? '';
  const right = b.metadata.resourceVersion ?? '';
  if (!/^\d+$/.test(left) || !/^\d+$/.test(right)) return false;
  return left.length === right.length ? left < right : left.length < right.length;
}
