/** One of a namespace's functions that a pool is there for. */
export interface Member {
  /** `namespace/runtime`. */
  readonly pool: string;
  readonly graceSeconds: number;
}

/** Which functions could take pods of which pool; a pool without any is not needed. */
export class PoolMembers {
  readonly #members = new Map<string, Member>();
  /** Of each pool, how many functions there are by their grace. */
  readonly #graces = new Map<string, Map<number, number>>();

  /** Sets what the function (`namespace/name`) takes; returns the pools for which something changed. */
  put(fn: string, member: Member | undefined): readonly string[] {
    const before = this.#members.get(fn);
    if (before?.pool === member?.pool && before?.graceSeconds === member?.graceSeconds) return [];
    if (before !== undefined) this.#count(before, -1);
    if (member === undefined) this.#members.delete(fn);
    else {
      this.#members.set(fn, member);
      this.#count(member, 1);
    }
    return [before?.pool, member?.pool].filter((pool) => pool !== undefined);
  }

  /** The longest time that one of the pool's functions gives its pods to end; undefined without any. */
  graceSeconds(pool: string): number | undefined {
    const graces = this.#graces.get(pool);
    return graces === undefined ? undefined : Math.max(...graces.keys());
  }

  pools(): Iterable<string> {
    return this.#graces.keys();
  }

  #count({ pool, graceSeconds }: Member, change: number): void {
    const graces = this.#graces.get(pool) ?? new Map<number, number>();
    const count = (graces.get(graceSeconds) ?? 0) + change;
    if (count === 0) graces.delete(graceSeconds);
    else graces.set(graceSeconds, count);
    if (graces.size === 0) this.#graces.delete(pool);
    else this.#graces.set(pool, graces);
  }
}
