import type { KubeObject } from '../api/index.ts';
import type { ObjectKey } from './client.ts';

/** For each index, the values under which an object is found. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/** Objects by namespace and name, with further indexes that follow each change. */
export class ObjectCache<T extends KubeObject> {
  readonly #indexes: Indexes<T>;
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexed = new Map<string, Map<string, Set<T>>>();

  constructor(indexes: Indexes<T>) {
    this.#indexes = indexes;
    for (const index of Object.keys(indexes)) this.#indexed.set(index, new Map());
  }

  get(key: ObjectKey): T | undefined {
    return this.#namespaces.get(key.namespace ?? '')?.get(key.name);
  }

  list(namespace?: string): readonly T[] {
    if (namespace !== undefined) return [...(this.#namespaces.get(namespace)?.values() ?? [])];
    return [...this.#namespaces.values()].flatMap((objects) => [...objects.values()]);
  }

  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexed.get(index);
    if (values === undefined) {
      throw new RangeError(`Cannot look up "${value}": there is no index "${index}"`);
    }
    return [...(values.get(value) ?? [])];
  }

  /** Puts an object in place of the one of its name, which is returned. */
  set(object: T): T | undefined {
    const namespace = object.metadata.namespace ?? '';
    let objects = this.#namespaces.get(namespace);
    if (objects === undefined) {
      objects = new Map();
      this.#namespaces.set(namespace, objects);
    }
    const previous = objects.get(object.metadata.name);
    if (previous !== undefined) this.#unindex(previous);
    objects.set(object.metadata.name, object);
    this.#index(object);
    return previous;
  }

  /** Removes and returns the object of that name. */
  delete(key: ObjectKey): T | undefined {
    const namespace = key.namespace ?? '';
    const objects = this.#namespaces.get(namespace);
    const previous = objects?.get(key.name);
    if (objects === undefined || previous === undefined) return undefined;
    objects.delete(key.name);
    if (objects.size === 0) this.#namespaces.delete(namespace);
    this.#unindex(previous);
    return previous;
  }

  #index(object: T): void {
    for (const [index, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#indexed.get(index);
      for (const value of valuesOf(object)) {
        const objects = values?.get(value);
        if (objects === undefined) values?.set(value, new Set([object]));
        else objects.add(object);
      }
    }
  }

  #unindex(object: T): void {
    for (const [index, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#indexed.get(index);
      for (const value of valuesOf(object)) {
        const objects = values?.get(value);
        objects?.delete(object);
        if (objects?.size === 0) values?.delete(value);
      }
    }
  }
}
