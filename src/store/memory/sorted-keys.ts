import { compareKeys } from '../key.ts';

/** A set of keys in key order. */
export class SortedKeys {
  #keys: string[] = [];

  add(key: string): void {
    const index = this.#lowerBound(key);
    if (this.#keys[index] !== key) this.#keys.splice(index, 0, key);
  }

  deleteAll(gone: ReadonlySet<string>): void {
    if (gone.size > 0) this.#keys = this.#keys.filter((key) => !gone.has(key));
  }

  *between(start: string, end: string): Generator<string, void, undefined> {
    for (let index = this.#lowerBound(start); ; index += 1) {
      const key = this.#keys[index];
      if (key === undefined || compareKeys(key, end) >= 0) return;
      yield key;
    }
  }

  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#keys[middle];
      if (candidate !== undefined && compareKeys(candidate, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
