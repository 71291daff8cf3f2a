import type { Endpoint } from './routes/endpoint.ts';
import type { Route } from './routes/route.ts';
import type { TraceContext } from './trace-context.ts';
import type { Exchange } from './wire/exchange.ts';

export interface CallRequest {
  readonly exchange: Exchange;
  readonly route: Route;
  readonly requestId: string;
  readonly trace: TraceContext;
  /** Seconds of `Prefer: wait`. */
  readonly waitS: number | undefined;
  /** Request line and head lines for the pod, up to its framing. */
  readonly headText: string;
}

/** Stands for the status of a client that left before there was an answer. */
const clientGone = 499;

/**
 * What is told of a call when it is over: for metrics, spans and the access log.
 *
 * Written as the call goes, with plain assignments only; times are monotonic milliseconds, 0 for
 * what did not happen.
 */
export class CallRecord {
  readonly request: CallRequest;
  readonly startedAt: number;
  /** Status of the answer; 499 for a client that left before there was one. */
  status = clientGone;
  /** `answered`: the pod's answer was passed on whole; `client-gone`; else the kind of the problem. */
  ending = 'client-gone';
  /** When it had to wait for the first time. */
  heldAt = 0;
  /** There was no pod at all when it had to wait. */
  cold = false;
  /** Milliseconds that it waited until it got a pod, all times together; 0 when it did not. */
  waitedMs = 0;
  /** When it was given to a pod the last time. */
  dispatchedAt = 0;
  /** When the head of the pod's answer came. */
  answeredAt = 0;
  endedAt = 0;
  /** Pods that it was given to, one after the other; the last of them. */
  attempts = 0;
  pod: Endpoint | undefined;
  /** Bytes of the request's body that came, and of the answer's body. */
  bytesIn = 0;
  bytesOut = 0;
  #waitingSince = 0;

  constructor(request: CallRequest, startedAt: number) {
    this.request = request;
    this.startedAt = startedAt;
  }

  /** It has to wait. */
  held(now: number): void {
    this.#waitingSince = now;
    if (this.heldAt > 0) return;
    this.heldAt = now;
    this.cold = this.request.route.routable.length === 0;
  }

  /** It is given to a pod. */
  dispatched(now: number, pod: Endpoint): void {
    this.pod = pod;
    this.attempts += 1;
    this.dispatchedAt = now;
    if (this.#waitingSince === 0) return;
    this.waitedMs += now - this.#waitingSince;
    this.#waitingSince = 0;
  }
}
