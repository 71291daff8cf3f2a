export interface FairQueueOptions<T> {
  /** How many of all are taken at a time. */
  readonly total: number;
  /** How many of a group are taken at a time; asked each time. */
  readonly limit: (group: string) => number;
  readonly take: (item: T, group: string) => void;
}

interface Group<T> {
  readonly waiting: Set<T>;
  taken: number;
}

/**
 * What is due, by group, handed out in turns: one of each group, then one of each again.
 *
 * Invariants:
 * 1. A group that has room is never passed over for longer than one turn of the others.
 * 2. An item waits once, however often it was added; within its group, first in, first out.
 *
 * Bounded by the number of distinct items.
 */
export class FairQueue<T> {
  readonly #options: FairQueueOptions<T>;
  /** In the order in which it is their turn. */
  readonly #groups = new Map<string, Group<T>>();
  #taken = 0;

  constructor(options: FairQueueOptions<T>) {
    this.#options = options;
  }

  add(item: T, group: string): void {
    this.#group(group).waiting.add(item);
    this.#hand();
  }

  /** Takes an item back that has not been handed out. */
  drop(item: T, group: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) return;
    known.waiting.delete(item);
    this.#tidy(group, known);
  }

  /** One of the group that was handed out is done with. */
  done(group: string): void {
    const known = this.#group(group);
    known.taken -= 1;
    this.#taken -= 1;
    this.#tidy(group, known);
    this.#hand();
  }

  #group(name: string): Group<T> {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group: Group<T> = { waiting: new Set(), taken: 0 };
    this.#groups.set(name, group);
    return group;
  }

  #tidy(name: string, group: Group<T>): void {
    if (group.taken === 0 && group.waiting.size === 0) this.#groups.delete(name);
  }

  #hand(): void {
    for (;;) {
      if (this.#taken >= this.#options.total) return;
      const next = this.#next();
      if (next === undefined) return;
      this.#options.take(next.item, next.name);
    }
  }

  #next(): { readonly name: string; readonly item: T } | undefined {
    for (const [name, group] of this.#groups) {
      if (group.waiting.size === 0 || group.taken >= this.#options.limit(name)) continue;
      for (const item of group.waiting) {
        group.waiting.delete(item);
        group.taken += 1;
        this.#taken += 1;
        // The next turn is that of the others.
        this.#groups.delete(name);
        this.#groups.set(name, group);
        return { name, item };
      }
    }
    return undefined;
  }
}
