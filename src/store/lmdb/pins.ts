/** Revisions that reads of more than one turn are at, so that compaction leaves them alone. */
export class Pins {
  readonly #held = new Map<number, number>();
  #waiting: { readonly below: number; readonly resolve: () => void }[] = [];

  /** Runs `read` while the revision is held. */
  async hold<T>(revision: number, read: () => Promise<T>): Promise<T> {
    this.#held.set(revision, (this.#held.get(revision) ?? 0) + 1);
    try {
      return await read();
    } finally {
      this.#release(revision);
    }
  }

  /** Resolves when no revision below the given one is held. */
  async released(below: number): Promise<void> {
    if (!this.#isHeld(below)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ below, resolve });
    });
  }

  #release(revision: number): void {
    const holders = (this.#held.get(revision) ?? 0) - 1;
    if (holders > 0) {
      this.#held.set(revision, holders);
      return;
    }
    this.#held.delete(revision);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ below }) => this.#isHeld(below));
    for (const { below, resolve } of waiting) if (!this.#isHeld(below)) resolve();
  }

  #isHeld(below: number): boolean {
    for (const revision of this.#held.keys()) if (revision < below) return true;
    return false;
  }
}
