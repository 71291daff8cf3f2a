import type { Settings } from '../settings.ts';
import { DemandWindow } from './demand-window.ts';

export const stableWindowMs = 60_000;
export const panicWindowMs = 6000;
/** Panic begins when the demand of the panic window is this many times what the pods are meant for. */
const panicThreshold = 2;

/** What is known of one function at one moment; times are monotonic. */
export interface Situation {
  readonly nowMs: number;
  /** Requests in flight and held, at all gateways. */
  readonly requests: number;
  /** When the last request that any gateway knows of ended, or what else the idle clock counts from. */
  readonly idleSinceMs: number;
  /** Pods that can be counted on, starting ones included. */
  readonly capacity: number;
  readonly readyPods: number;
}

/**
 * How many pods one function's demand asks for: Knative's two windows.
 *
 * 1. Requests of this moment are never left without the pods for them; only averages shrink.
 * 2. In panic nothing shrinks; it ends a whole stable window after the last sign of it.
 * 3. Nothing shrinks before the stable window is full: an autoscaler that has just come knows nothing.
 * 4. To zero only without requests, after the idle time.
 */
export class Decider {
  readonly #stable = new DemandWindow(stableWindowMs);
  readonly #panic = new DemandWindow(panicWindowMs);
  #panicSinceMs: number | undefined;
  #panicPods = 0;

  get panicking(): boolean {
    return this.#panicSinceMs !== undefined;
  }

  /** Takes the sample of this second. */
  record({ nowMs, requests, readyPods }: Situation, settings: Settings): void {
    this.#stable.record(nowMs, requests);
    this.#panic.record(nowMs, requests);
    const meant = Math.max(1, readyPods) * settings.perPod;
    if (this.#panic.average(nowMs) >= panicThreshold * meant) this.#panicSinceMs = nowMs;
    else if (this.#panicSinceMs !== undefined && nowMs - this.#panicSinceMs >= stableWindowMs) {
      this.#endPanic();
    }
  }

  /** The number of pods that are wanted now. */
  wanted(situation: Situation, settings: Settings): number {
    const { nowMs, requests, capacity } = situation;
    if (!this.#isAwake(situation, settings)) {
      this.#sleep();
      return 0;
    }
    const { min, max, perPod, pinned } = settings;
    if (pinned !== undefined) return Math.max(1, pinned);
    const podsFor = (demand: number): number => Math.ceil(demand / perPod);
    let pods = Math.max(podsFor(requests), podsFor(this.#stable.average(nowMs)), 1, min);
    if (this.#panicSinceMs !== undefined) {
      this.#panicPods = Math.max(this.#panicPods, capacity, podsFor(this.#panic.average(nowMs)));
      pods = Math.max(pods, this.#panicPods);
    }
    if (!this.#stable.isFull(nowMs)) pods = Math.max(pods, capacity);
    return Math.min(pods, max);
  }

  #isAwake({ nowMs, requests, idleSinceMs, capacity }: Situation, settings: Settings): boolean {
    if (requests > 0) return true;
    if (settings.pinned === 0) return false;
    if (settings.min > 0) return true;
    return capacity > 0 && nowMs - idleSinceMs < settings.idleMs;
  }

  #sleep(): void {
    this.#stable.clear();
    this.#panic.clear();
    this.#endPanic();
  }

  #endPanic(): void {
    this.#panicSinceMs = undefined;
    this.#panicPods = 0;
  }
}
