import { names } from '../../api/index.ts';
import { BackOff, type BackOffOptions } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { ResponseSink, UpstreamConnection } from '../wire/upstream-connection.ts';
import type { Endpoint } from './endpoint.ts';
import type { Route } from './route.ts';

export interface ProberOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** The endpoint has answered: its route may have a new pod. */
  readonly answered: (endpoint: Endpoint) => void;
}

/** Between two questions to a pod that refused the connection or said no. */
const probeBackOff: BackOffOptions = { initialMs: 20, maxMs: 2000, factor: 2, jitter: 0.2 };

/**
 * Asks pods whether they are up, without waiting for the news to travel through the API.
 *
 * Invariants:
 * 1. One question at a time per pod, on a connection that the first request then uses.
 * 2. A question has no time limit of its own: a pod that is still starting, or busy, answers when it
 *    can. It ends when the pod is gone.
 * 3. A pod is asked while its function has demand, or while it is in quarantine; an idle function's
 *    pods are left alone.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #active = new Map<Endpoint, Promise<void>>();
  readonly #signal: AbortSignal;

  constructor(options: ProberOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Asks the route's pods that are not routable yet. */
  probe(route: Route): void {
    if (this.#signal.aborted) return;
    for (const endpoint of route.endpoints.values()) {
      if (!this.#active.has(endpoint) && isWanted(route, endpoint)) {
        const work = this.#work(route, endpoint).finally(() => {
          this.#active.delete(endpoint);
        });
        this.#active.set(endpoint, work);
      }
    }
  }

  /** Resolves when no question is open; the signal ends them. */
  async settled(): Promise<void> {
    await Promise.all(this.#active.values());
  }

  async #work(route: Route, endpoint: Endpoint): Promise<void> {
    const backOff = new BackOff(probeBackOff, this.#options.random);
    while (isWanted(route, endpoint) && !this.#signal.aborted) {
      const { restarts } = endpoint.facts;
      const question = route.facts.probeable ? 'ready-path' : 'connect';
      const answered = await new Probe(endpoint, question, this.#signal).answer;
      if (answered && endpoint.facts.restarts === restarts) {
        if (!isWanted(route, endpoint)) return;
        endpoint.verdict = { kind: 'answered' };
        this.#options.answered(endpoint);
        return;
      }
      try {
        await this.#options.clock.sleep(backOff.next(), this.#signal);
      } catch {
        return;
      }
    }
  }
}

function isWanted(route: Route, endpoint: Endpoint): boolean {
  if (!endpoint.eligible || endpoint.routable || !route.isCurrent(endpoint)) return false;
  if (endpoint.verdict.kind === 'quarantined') return true;
  return route.facts.probeable && route.demand.active && !route.removed;
}

/** One question to one pod. */
class Probe implements ResponseSink {
  readonly answer: Promise<boolean>;
  readonly #endpoint: Endpoint;
  readonly #question: 'ready-path' | 'connect';
  readonly #connection: UpstreamConnection;
  readonly #settle: (answered: boolean) => void;
  #status = 0;

  constructor(endpoint: Endpoint, question: 'ready-path' | 'connect', signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.answer = promise;
    this.#endpoint = endpoint;
    this.#question = question;
    const abort = (): void => this.#end(false);
    const stopWatching = endpoint.whenRemoved(abort);
    signal.addEventListener('abort', abort, { once: true });
    this.#settle = (answered) => {
      signal.removeEventListener('abort', abort);
      stopWatching();
      resolve(answered);
    };
    this.#connection = endpoint.connections.take('new');
    this.#connection.open(this);
  }

  connected(): void {
    if (this.#question === 'connect') {
      this.#end(true);
      return;
    }
    this.#connection.send({
      head: `GET ${names.readyPath} HTTP/1.1\r\nHost: ${this.#endpoint.address}\r\nUser-Agent: nought-gateway\r\n\r\n`,
      isHead: false,
      parts: [],
      complete: true,
    });
  }

  interim(): void {
    // Says nothing about readiness.
  }

  responseHead(head: ResponseHead): void {
    this.#status = head.status;
    if (head.status === 101) this.#end(false);
  }

  responseData(): void {
    // The status is the answer.
  }

  responseText(): void {
    // Likewise.
  }

  responseFlush(): void {
    // Nothing is passed on.
  }

  responseEnd(): void {
    this.#settle(this.#status === 200);
  }

  upstreamDrained(): void {
    // One small write needs no pause.
  }

  upstreamFailed(): void {
    this.#settle(false);
  }

  #end(answered: boolean): void {
    this.#connection.destroy();
    this.#settle(answered);
  }
}
