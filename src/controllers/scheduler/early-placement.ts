import type { Pod } from '../../api/index.ts';

/** Who decides where pods go. */
interface Placer {
  place(pod: Pod): string | undefined;
  dropped(uid: string): void;
}

/**
 * Lets who creates a pod ask the scheduler for its node first, which saves the pod a write and its
 * watchers an event. Knows of no node while no scheduler runs: then pods are bound later, as others.
 */
export class EarlyPlacement implements Placer {
  #placer: Placer | undefined;

  /** Asks this one until the function that is returned is called. */
  use(placer: Placer): () => void {
    this.#placer = placer;
    return () => {
      if (this.#placer === placer) this.#placer = undefined;
    };
  }

  place(pod: Pod): string | undefined {
    return this.#placer?.place(pod);
  }

  dropped(uid: string): void {
    this.#placer?.dropped(uid);
  }
}
