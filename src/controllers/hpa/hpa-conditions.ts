import { type Condition, formatTime } from '../../api/index.ts';

export type HpaConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';

/** The conditions of one HorizontalPodAutoscaler while one decision changes them. */
export class HpaConditions {
  readonly #time: string;
  #all: readonly Condition[];

  constructor(before: readonly Condition[], now: number) {
    this.#all = before;
    this.#time = formatTime(now);
  }

  get all(): readonly Condition[] {
    return this.#all;
  }

  set(
    type: HpaConditionType,
    isTrue: boolean,
    { reason, message }: { readonly reason: string; readonly message: string },
  ): void {
    const status = isTrue ? 'True' : 'False';
    const known = this.#all.find((each) => each.type === type);
    const lastTransitionTime =
      known?.status === status ? (known.lastTransitionTime ?? this.#time) : this.#time;
    const next = { type, status, lastTransitionTime, reason, message } as const;
    this.#all =
      known === undefined
        ? [...this.#all, next]
        : this.#all.map((each) => (each === known ? next : each));
  }
}
