const limit = 500;

/** Owners that are known to be gone, so that each of many dependents need not ask; uids never return. */
export class AbsentOwners {
  readonly #known = new Set<string>();

  /** `namespace` is where the owner was looked for: it may well be in another. */
  has(uid: string, namespace: string): boolean {
    return this.#known.has(`${namespace}/${uid}`) || this.#known.has(`/${uid}`);
  }

  /** An owner without a namespace is absent in all of them. */
  add(uid: string, namespace: string): void {
    this.#known.add(`${namespace}/${uid}`);
    if (this.#known.size <= limit) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }
}
