const initialMs = 10_000;
const maxMs = 300_000;
const resetMs = 600_000;

/**
 * When a container may start again, as the kubelet has it: the first restart at once, then after
 * 10 s, doubling to 300 s, counted from its end; forgotten once it ran for 10 minutes.
 */
export class RestartBackOff {
  #delayMs = 0;

  /** The delay for a container that ran `ranMs` and has just ended. */
  next(ranMs: number): number {
    if (ranMs >= resetMs) this.#delayMs = 0;
    const delayMs = this.#delayMs;
    this.#delayMs = delayMs === 0 ? initialMs : Math.min(maxMs, delayMs * 2);
    return delayMs;
  }
}
