import { Histogram } from '../../lib/histogram.ts';
import type { CallRecord } from '../call-record.ts';

/** Codes that are counted one by one for a function: it may answer with any, but not without end. */
const codesLimit = 32;

/** Where the time of a call goes that found no pod. */
export interface ColdStarts {
  readonly total: Histogram;
  /** Until there was a pod with an address: scaling, scheduling, making the sandbox. */
  readonly pod: Histogram;
  /** From then until the pod took calls: starting the process, loading the code. */
  readonly boot: Histogram;
  /** From then until the first byte of the answer. */
  readonly answer: Histogram;
}

/**
 * What is counted for one function; it goes with its route.
 *
 * Written by hand, since a call must cost a few array writes here and not look-ups by labels.
 */
export class FunctionSeries {
  readonly latency = new Histogram();
  readonly firstByte = new Histogram();
  /** Waits for a slot while there were pods, and starts from zero: most functions have neither. */
  queue: Histogram | undefined;
  cold: ColdStarts | undefined;
  /** Calls that did not get a whole answer from a pod, by reason. */
  drops: Map<string, number> | undefined;
  retries = 0;
  quarantines = 0;
  bytesIn = 0;
  bytesOut = 0;
  readonly #codes: number[] = [];
  readonly #counts: number[] = [];
  /** Calls with a code beyond the limit, by hundred. */
  #others: Map<string, number> | undefined;

  /** A call has ended. */
  ended(call: CallRecord): void {
    this.#count(call.status);
    this.latency.observe((call.endedAt - call.startedAt) / 1000);
    if (call.answeredAt > 0) this.firstByte.observe((call.answeredAt - call.startedAt) / 1000);
    if (call.attempts > 1) this.retries += call.attempts - 1;
    this.bytesIn += call.bytesIn;
    this.bytesOut += call.bytesOut;
    if (call.heldAt > 0 && call.attempts > 0) this.#waited(call);
    if (call.ending !== 'answered') this.#dropped(call.ending);
  }

  /** Calls by status of the answer. */
  *codes(): Generator<readonly [code: string, count: number]> {
    for (const [index, code] of this.#codes.entries()) {
      yield [String(code), this.#counts[index] as number];
    }
    yield* this.#others ?? [];
  }

  #count(status: number): void {
    const index = this.#codes.indexOf(status);
    if (index >= 0) {
      this.#counts[index] = (this.#counts[index] as number) + 1;
    } else if (this.#codes.length < codesLimit) {
      this.#codes.push(status);
      this.#counts.push(1);
    } else {
      const hundred = `${Math.floor(status / 100)}xx`;
      this.#others ??= new Map();
      this.#others.set(hundred, (this.#others.get(hundred) ?? 0) + 1);
    }
  }

  #waited(call: CallRecord): void {
    if (!call.cold) {
      this.queue ??= new Histogram();
      this.queue.observe(call.waitedMs / 1000);
      return;
    }
    this.cold ??= {
      total: new Histogram(),
      pod: new Histogram(),
      boot: new Histogram(),
      answer: new Histogram(),
    };
    const { podMs, bootMs } = coldPhases(call);
    this.cold.total.observe((podMs + bootMs) / 1000);
    this.cold.pod.observe(podMs / 1000);
    this.cold.boot.observe(bootMs / 1000);
    if (call.answeredAt > 0) {
      this.cold.answer.observe((call.answeredAt - call.dispatchedAt) / 1000);
    }
  }

  #dropped(reason: string): void {
    this.drops ??= new Map();
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
  }
}

/** The two parts of a wait: until the pod that took the call had an address, and until it took calls. */
export function coldPhases(call: CallRecord): { readonly podMs: number; readonly bootMs: number } {
  const waitedMs = call.dispatchedAt - call.heldAt;
  const knownAt = call.pod?.addressedAt ?? call.heldAt;
  const podMs = Math.min(waitedMs, Math.max(0, knownAt - call.heldAt));
  return { podMs, bootMs: waitedMs - podMs };
}
