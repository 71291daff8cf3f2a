import type { SlotCount } from './slot-messages.ts';

/** A gateway's slots of one pod. */
export interface Slots {
  /** Those in use included. */
  held: number;
  /** No request begins while so many are under way. */
  cap: number;
}

interface Recall {
  wanted: number;
  owed: number;
}

/** The state of one pod when it is decided what of its slots goes back. */
export interface SlotUse {
  readonly function: string;
  readonly pod: string;
  /** Requests that this gateway has on it. */
  readonly inUse: number;
  /** Requests of the function wait at this gateway and could use the slot. */
  readonly waiting: boolean;
}

/**
 * A gateway's side of shared hard limits: what it holds, and what it owes.
 *
 * Invariants:
 * 1. A slot in use is never given back.
 * 2. What is given back is deducted at once, before the message about it leaves.
 * 3. Out of contact (`suspend`) it begins nothing and keeps only what is in use.
 */
export class SlotHolder {
  readonly #pods = new Map<string, Slots>();
  readonly #recalls = new Map<string, Recall>();
  #suspended = false;

  /** The slots of a pod; the same object as long as the pod is known. */
  of(pod: string): Slots {
    let slots = this.#pods.get(pod);
    if (slots === undefined) {
      slots = { held: 0, cap: this.#suspended ? 0 : Number.POSITIVE_INFINITY };
      this.#pods.set(pod, slots);
    }
    return slots;
  }

  forget(pod: string): void {
    this.#pods.delete(pod);
  }

  granted(pods: readonly SlotCount[]): void {
    for (const { pod, slots } of pods) this.of(pod).held += slots;
  }

  capped(pods: readonly SlotCount[]): void {
    for (const { pod, slots } of pods) this.of(pod).cap = slots;
  }

  recall(name: string, recall: Readonly<Recall>): void {
    if (recall.wanted === 0 && recall.owed === 0) this.#recalls.delete(name);
    else this.#recalls.set(name, { ...recall });
  }

  /** How many slots of the pod go back now; they are deducted. */
  release({ function: name, pod, inUse, waiting }: SlotUse): number {
    const slots = this.of(pod);
    const idle = slots.held - inUse;
    if (idle <= 0) return 0;
    let back = Math.min(idle, Math.max(0, slots.held - slots.cap));
    const recall = this.#recalls.get(name);
    if (recall !== undefined) {
      const asked = waiting ? recall.owed : recall.wanted;
      const more = Math.min(idle - back, asked);
      back += more;
      recall.wanted = Math.max(0, recall.wanted - more);
      recall.owed = Math.max(0, recall.owed - more);
    }
    slots.held -= back;
    return back;
  }

  /** The autoscaler has been silent for too long, or the gateway stops: nothing may begin. */
  suspend(inUse: (pod: string) => number): readonly SlotCount[] {
    this.#suspended = true;
    const back: SlotCount[] = [];
    for (const [pod, slots] of this.#pods) {
      const idle = Math.max(0, slots.held - inUse(pod));
      slots.held -= idle;
      slots.cap = 0;
      if (idle > 0) back.push({ pod, slots: idle });
    }
    return back;
  }

  /** A new connection stands: all that is held, for the autoscaler to know. */
  resume(): readonly SlotCount[] {
    this.#suspended = false;
    this.#recalls.clear();
    const held: SlotCount[] = [];
    for (const [pod, slots] of this.#pods) {
      slots.cap = Number.POSITIVE_INFINITY;
      if (slots.held > 0) held.push({ pod, slots: slots.held });
    }
    return held;
  }
}
