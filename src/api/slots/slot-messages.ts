/**
 * How gateways share a function's hard limit: the part of the demand protocol that is about slots.
 *
 * A slot is the right to have one request on one pod. The autoscaler grants a pod's slots to gateways,
 * never more of them than the limit; a gateway keeps what it has, also while idle, until others want it.
 */
export interface SlotCount {
  /** The pod's uid. */
  readonly pod: string;
  readonly slots: number;
}

export type SlotRequest =
  /** First after each hello: all slots that the gateway has. */
  | { readonly kind: 'holding'; readonly pods: readonly SlotCount[] }
  /** The requests of a function that wait for want of slots; 0 when none does any more. */
  | { readonly kind: 'want'; readonly function: string; readonly slots: number }
  /** The gateway uses these no longer. */
  | { readonly kind: 'returned'; readonly pods: readonly SlotCount[] };

export type SlotAnswer =
  /** The gateway has these slots in addition. */
  | {
      readonly kind: 'granted';
      /** For whose requests they were wanted. */
      readonly function: string;
      readonly pods: readonly SlotCount[];
    }
  /** The gateway may have so many slots of these pods at most, and gives back what is above. */
  | { readonly kind: 'cap'; readonly pods: readonly SlotCount[] }
  /**
   * Other gateways want `wanted` slots of a function: idle ones are given back. Of these, `owed` are
   * given back even when requests of this gateway wait. Replaces what was said before.
   */
  | {
      readonly kind: 'recall';
      readonly function: string;
      readonly wanted: number;
      readonly owed: number;
    }
  /** The autoscaler is there: what the gateway holds is still its own. */
  | { readonly kind: 'alive' };

/** A gateway that has heard nothing for so long begins no request on slots that it holds. */
export const slotLeaseMs = 10_000;
/** The autoscaler takes slots of a silent gateway back after so long, and the function's timeout. */
export const slotReclaimMs = 15_000;
