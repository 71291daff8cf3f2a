import type { Arrival } from './activator/activator.ts';
import type { Refusal } from './activator/holding.ts';
import { CallBody } from './call-body.ts';
import { CallRecord, type CallRequest } from './call-record.ts';
import type { CallServices } from './call-services.ts';
import { brokenPod, refusalProblem, timedOut } from './problems.ts';
import type { Endpoint } from './routes/endpoint.ts';
import type { Route } from './routes/route.ts';
import type { Exchange, ExchangeOwner } from './wire/exchange.ts';
import { type Problem, problemAnswer } from './wire/problem.ts';
import type { ConnectionUse } from './wire/pod-connections.ts';
import type { ResponseHead } from './wire/response-head.ts';
import type {
  ResponseSink,
  UpstreamConnection,
  UpstreamFailure,
} from './wire/upstream-connection.ts';

type State = 'waiting' | 'dialing' | 'sent' | 'answering' | 'tunnel' | 'over';

/** Methods whose repetition has no further effect (RFC 9110 section 9.2.2). */
const idempotent = new Set('GET HEAD OPTIONS PUT DELETE QUERY PROPFIND SEARCH'.split(' '));
/** Pods that are tried for one request before it is given up. */
const maxAttempts = 10;
/** Bodies up to this size are kept until the answer begins, for a request that never left. */
const keepBytes = 16 * 1024;

/**
 * One call of a function: from its head to the last byte of its answer.
 *
 * Owns its slot on a pod and its connection to it. Invariants:
 * 1. The slot is given back exactly once, at the end or with each retry.
 * 2. It is sent again only while no byte of it has left, or when it is idempotent and a kept-alive
 *    connection closed without a byte of an answer (RFC 9112 section 9.3.1), and then once.
 * 3. Both directions are read only as fast as the other side takes them.
 * 4. The function's time runs from the last byte of the request; once the answer has begun, between
 *    its bytes.
 */
export class Call implements ExchangeOwner, ResponseSink, Arrival {
  waitUntil = 0;
  slot = -1;
  readonly patienceMs: number | undefined;
  readonly #services: CallServices;
  readonly #request: CallRequest;
  readonly #record: CallRecord;
  readonly #exchange: Exchange;
  readonly #route: Route;
  readonly #body: CallBody;
  #state: State = 'waiting';
  #endpoint: Endpoint | undefined;
  #connection: UpstreamConnection | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #answerPaused = false;
  #resent = false;

  constructor(services: CallServices, request: CallRequest) {
    this.#services = services;
    this.#request = request;
    this.#exchange = request.exchange;
    this.#route = request.route;
    this.patienceMs = request.waitS === undefined ? undefined : request.waitS * 1000;
    this.#record = new CallRecord(request, services.clock.recent);
    this.#body = new CallBody(request.exchange, request.route.holding);
  }

  get bodySent(): boolean {
    if (this.#state === 'waiting' || this.#state === 'dialing') return false;
    return this.#body.isPassedOn && this.#connection?.sent === true;
  }

  get answerSent(): boolean {
    return this.#exchange.answerSent === true;
  }

  /** Sets off; what follows comes by events. */
  begin(): void {
    this.#exchange.attach(this);
    if (this.#state === 'over') return;
    const admission = this.#services.activator.enter(this.#route, this);
    switch (admission.kind) {
      case 'pod':
        this.#dispatch(admission.endpoint, this.#services.clock.recent);
        break;
      case 'held':
        this.#hold();
        break;
      case 'refused':
        this.refuse(admission.refusal);
        break;
    }
  }

  /** Acts on a deadline that has passed. */
  sweep(now: number): void {
    if (now < this.#deadline) return;
    if (this.#state === 'dialing') {
      this.#connection?.destroy();
      this.#dialFailed('its connection was not made in time');
      return;
    }
    const { timeoutMs, key } = this.#route.facts;
    // The client is slow, not the function; the wire has a limit for that.
    if (this.#state === 'sent' && !this.#body.done && !this.#body.paused) {
      this.#deadline = now + timeoutMs;
      return;
    }
    this.#connection?.destroy();
    if (this.#state === 'sent') this.#answerProblem(timedOut(key, timeoutMs));
    else this.#abort('timeout');
    if (!this.#answerPaused) this.#mistrust('it did not answer in time');
    this.#finish();
  }

  dispatch(endpoint: Endpoint): void {
    this.#body.unhold();
    this.#dispatch(endpoint, this.#services.clock.monotonic());
  }

  #dispatch(endpoint: Endpoint, now: number): void {
    this.#record.dispatched(now, endpoint);
    this.#state = 'dialing';
    this.#endpoint = endpoint;
    this.#deadline = now + this.#services.dialTimeoutMs;
    this.#connection = endpoint.connections.take(this.#connectionUse);
    this.#connection.open(this);
  }

  refuse(refusal: Refusal): void {
    this.#body.unhold();
    this.#answerProblem(refusalProblem(refusal, this.#route));
    this.#finish();
  }

  connected(): void {
    const connection = this.#connection as UpstreamConnection;
    this.#state = 'sent';
    this.#rearm(this.#route.facts.timeoutMs);
    const framing = this.#body.framing();
    const ready = connection.send({
      head: `${this.#request.headText}${framing}\r\n`,
      isHead: this.#exchange.head.method === 'HEAD',
      parts: this.#body.kept(),
      complete: this.#body.done,
    });
    if (!this.#whole) this.#body.drop();
    if (this.#body.done) return;
    this.#exchange.proceed();
    this.#body.pause(!ready);
  }

  bodyData(parts: readonly Buffer[], bytes: number): void {
    this.#record.bytesIn += bytes;
    switch (this.#state) {
      case 'waiting':
      case 'dialing':
        if (this.#body.keep(parts, bytes)) break;
        this.#services.activator.leave(this.#route, this);
        this.refuse('overloaded');
        break;
      case 'sent':
      case 'answering':
      case 'tunnel': {
        this.#rearm(this.#idleLimit());
        const framed = this.#body.framed(parts, bytes);
        if (this.#connection?.write(framed) === false) this.#body.pause(true);
        break;
      }
      case 'over':
        break;
    }
  }

  bodyEnd(): void {
    this.#body.done = true;
    if (this.#state === 'tunnel') {
      this.#connection?.endTunnel();
    } else if (this.#state === 'sent' || this.#state === 'answering') {
      this.#rearm(this.#route.facts.timeoutMs);
      this.#connection?.write(this.#body.ending());
      this.#connection?.finish();
    }
  }

  bodyFailed(problem: Problem): void {
    if (this.#state === 'over') return;
    this.#leave();
    if (this.#exchange.started) this.#abort(problem.kind);
    else this.#answerProblem(problem);
    this.#finish();
  }

  drained(): void {
    this.#answerPaused = false;
    this.#connection?.resume();
  }

  gone(): void {
    if (this.#state === 'over') return;
    this.#leave();
    this.#finish();
  }

  interim(head: ResponseHead): void {
    // 100 answers an expectation that the gateway has already answered itself.
    if (head.status !== 100) this.#exchange.interim(head.status, head.reason, head.lines);
  }

  responseHead(head: ResponseHead): void {
    this.#body.drop();
    const now = this.#services.clock.recent;
    this.#record.status = head.status;
    this.#record.answeredAt = now;
    if (head.status === 101) {
      this.#upgrade(head);
      return;
    }
    this.#state = 'answering';
    this.#deadline = now + this.#idleLimit();
    const { status, reason, framing, statedLength } = head;
    const lines = `${head.hasRequestId ? this.#timingLines() : this.#ownLines()}${head.lines}`;
    this.#exchange.start({ status, reason, lines, framing, statedLength });
  }

  responseData(parts: readonly Buffer[], bytes: number): void {
    this.#record.bytesOut += bytes;
    this.#rearm(this.#idleLimit());
    if (!this.#exchange.data(parts, bytes)) this.#pauseAnswer();
  }

  responseText(text: string): void {
    this.#record.bytesOut += text.length;
    const exchange = this.#exchange;
    const taken =
      exchange.text === undefined
        ? exchange.data([Buffer.from(text, 'latin1')], text.length)
        : exchange.text(text);
    if (!taken) this.#pauseAnswer();
  }

  responseFlush(): void {
    if (!this.#exchange.flush()) this.#pauseAnswer();
  }

  responseEnd(): void {
    this.#exchange.end();
    this.#record.ending = 'answered';
    this.#finish(this.#services.clock.recent);
  }

  upstreamDrained(): void {
    this.#body.pause(false);
  }

  upstreamFailed(failure: UpstreamFailure): void {
    if (this.#state === 'over') return;
    const { phase, malformed, reason, stale, unsent } = failure;
    if (phase === 'dial') return this.#dialFailed(reason);
    const isUnanswered = this.#state === 'sent' && !malformed;
    // A process that ends may close its connections before its listening socket.
    if (isUnanswered) this.#mistrust(`it broke off: ${reason}`);
    const isSafe = unsent || (stale && this.#idempotent);
    if (isUnanswered && this.#whole && isSafe && !this.#resent) {
      this.#resent = true;
      return this.#retry();
    }
    if (this.#exchange.started) this.#abort('pod-failed');
    else this.#answerProblem(brokenPod(this.#route.facts.key, reason));
    this.#finish();
  }

  get #connectionUse(): ConnectionUse {
    if (this.#resent) return 'new';
    // Function servers close no idle connection as long as calls may come; other programs do.
    const isKept = this.#route.facts.probeable;
    return isKept || (this.#idempotent && this.#body.done) ? 'any' : 'fresh';
  }

  get #idempotent(): boolean {
    return idempotent.has(this.#exchange.head.method) && !this.#exchange.head.websocket;
  }

  /** The whole request is at hand, to be sent again if that should be allowed. */
  get #whole(): boolean {
    return this.#body.done && (this.#idempotent || this.#body.bytes <= keepBytes);
  }

  /** No calls to the pod until it answers a probe, if it is one that does. */
  #mistrust(reason: string): void {
    const endpoint = this.#endpoint;
    const answersProbes = this.#route.facts.probeable && this.#state !== 'tunnel';
    if (endpoint && answersProbes) this.#services.quarantine(this.#route, endpoint, reason);
  }

  #dialFailed(reason: string): void {
    const endpoint = this.#endpoint as Endpoint;
    this.#services.quarantine(this.#route, endpoint, reason);
    if (this.#record.attempts < maxAttempts) {
      this.#retry();
      return;
    }
    this.#answerProblem(brokenPod(this.#route.facts.key, `no connection: ${reason}`));
    this.#finish();
  }

  /** Gives the pod back and waits for another one. */
  #retry(): void {
    const endpoint = this.#endpoint as Endpoint;
    this.#endpoint = undefined;
    this.#connection = undefined;
    this.#state = 'waiting';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#services.activator.retry(this.#route, endpoint, this);
    if (this.#state === 'waiting') this.#hold();
  }

  /** Has become one of those that wait. */
  #hold(): void {
    this.#record.held(this.#services.clock.monotonic());
    if (this.#body.hold(this.#request.headText.length)) return;
    this.#services.activator.leave(this.#route, this);
    this.refuse('overloaded');
  }

  #upgrade(head: ResponseHead): void {
    if (!this.#exchange.head.websocket) {
      this.#connection?.destroy();
      this.#answerProblem(brokenPod(this.#route.facts.key, 'it switched protocols unasked'));
      this.#finish();
      return;
    }
    this.#state = 'tunnel';
    this.#rearm(this.#services.tunnelIdleMs);
    this.#exchange.tunnel(
      `Connection: Upgrade\r\nUpgrade: websocket\r\n${this.#ownLines()}${head.lines}`,
    );
  }

  #idleLimit(): number {
    return this.#state === 'tunnel' ? this.#services.tunnelIdleMs : this.#route.facts.timeoutMs;
  }

  #rearm(ms: number): void {
    this.#deadline = this.#services.clock.recent + ms;
  }

  #pauseAnswer(): void {
    this.#answerPaused = true;
    this.#connection?.pause();
  }

  #answerProblem(problem: Problem): void {
    this.#record.status = problem.status;
    this.#record.ending = problem.kind;
    const answer = problemAnswer(problem, this.#ownLines());
    this.#record.bytesOut = answer.body.length;
    this.#exchange.answer(answer);
  }

  /** Cuts an answer that has begun; `ending` says why. */
  #abort(ending: string): void {
    this.#record.ending = ending;
    this.#exchange.abort();
  }

  #ownLines(): string {
    return `X-Request-Id: ${this.#request.requestId}\r\n${this.#timingLines()}`;
  }

  #timingLines(): string {
    const { waitS } = this.#request;
    const { waitedMs } = this.#record;
    const cold = waitedMs === 0 ? '' : `Server-Timing: cold;dur=${waitedMs.toFixed(1)}\r\n`;
    return waitS === undefined ? cold : `${cold}Preference-Applied: wait=${waitS}\r\n`;
  }

  /** Lets go of the queue or the pod without an answer from it. */
  #leave(): void {
    if (this.#state === 'waiting') {
      this.#services.activator.leave(this.#route, this);
      this.#body.unhold();
    } else {
      this.#connection?.destroy();
    }
  }

  #finish(now = this.#services.clock.monotonic()): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#body.drop();
    const endpoint = this.#endpoint;
    this.#connection = undefined;
    this.#endpoint = undefined;
    if (endpoint !== undefined) this.#services.activator.release(this.#route, endpoint);
    this.#record.endedAt = now;
    this.#services.ended(this, this.#record);
  }
}
