import type { FunctionDemand } from '../../api/index.ts';

/** How long after a function's idle time its rest is still reported; milliseconds. */
const restMarginMs = 5000;

/** The requests of one function at this gateway, counted from their first byte to their last. */
export class Demand {
  inFlight = 0;
  held = 0;
  /** Requests since the gateway started. */
  total = 0;
  /** Wall time of the newest request, milliseconds; 0 for none. */
  lastArrivalMs = 0;
  #endedAt = 0;
  #sampled = 0;

  get active(): boolean {
    return this.inFlight + this.held > 0;
  }

  /** A request has come; `now` is wall time. */
  arrive(now: number): void {
    this.total += 1;
    this.lastArrivalMs = now;
  }

  /** A request has ended; `monotonic` time. */
  end(monotonic: number): void {
    this.#endedAt = monotonic;
  }

  /** The demand since the last sample; undefined for a function that has long been at rest. */
  sample(name: string, idleLimitMs: number, monotonic: number): FunctionDemand | undefined {
    const arrived = this.total - this.#sampled;
    this.#sampled = this.total;
    if (this.total === 0) return undefined;
    const idleMs = this.active ? 0 : Math.max(0, Math.round(monotonic - this.#endedAt));
    if (arrived === 0 && idleMs > idleLimitMs + restMarginMs) return undefined;
    return { function: name, inFlight: this.inFlight, held: this.held, idleMs, arrived };
  }
}
