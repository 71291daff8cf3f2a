import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { ClientExchange, type ExchangeHost } from './client-exchange.ts';
import type { Exchange } from './exchange.ts';
import { problemAnswer, refusal } from './problem.ts';
import type { HeadLimits, RequestHead, RequestHeadParser } from './request-head.ts';
import { noBody } from './framing.ts';

/** Limits of the client side; bytes and milliseconds. */
export interface ClientLimits extends HeadLimits {
  readonly bodyBytes: number;
  /** From a head's first byte to its last. */
  readonly headTimeoutMs: number;
  /** Between two bytes of a body, while the gateway reads. */
  readonly bodyIdleMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
}

/** What all connections of one front share. */
export interface FrontContext {
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly parser: RequestHeadParser;
  readonly handler: (exchange: Exchange) => void;
  /** The front is closing: no connection is kept alive. */
  readonly closing: boolean;
  /** A request was refused before it reached the handler. */
  readonly refused: (status: number) => void;
}

/** Bytes of further requests that are kept while one is being answered. */
const pipelineLimit = 64 * 1024;
/** After an answer that closes: how much of what still comes is read away, and for how long. */
const lingerBytes = 32 * 1024 * 1024;
const lingerMs = 2000;
/**
 * When a client that has ended its side is written to, to see whether it has left: the first write
 * draws a reset, a later one is refused because of it; milliseconds after the one before.
 */
const leaveChecksMs: readonly number[] = [50, 500, 3000];
const empty = Buffer.alloc(0);

/**
 * The connection of one client: requests off the wire, one exchange at a time.
 *
 * Owns the socket. Invariants:
 * 1. The next request is not parsed before the exchange before it is over.
 * 2. An answer that closes is followed by reading away what still comes, bounded, so that a reset
 *    does not take the answer from the client (RFC 9112 section 9.6).
 * 3. Every state but an exchange whose body is complete has a deadline.
 */
export class ClientConnection implements ExchangeHost {
  readonly socket: Socket;
  readonly #front: FrontContext;
  readonly #onClose: (connection: ClientConnection) => void;
  #exchange: ClientExchange | undefined;
  #pending: Buffer = empty;
  #deadline: number;
  #lingering = false;
  #discarded = 0;
  #parsing = false;
  #throttled = false;
  #headBegun = false;
  #ended = false;
  #leaveChecks = 0;

  constructor(
    socket: Socket,
    front: FrontContext,
    onClose: (connection: ClientConnection) => void,
  ) {
    this.socket = socket;
    this.#front = front;
    this.#onClose = onClose;
    this.#deadline = front.clock.monotonic() + front.limits.headTimeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('end', () => this.#end());
    socket.on('drain', () => this.#exchange?.drained());
    // An error is always followed by 'close', which is where it is acted on.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#closed());
  }

  get bodyLimit(): number {
    return this.#front.limits.bodyBytes;
  }

  get closing(): boolean {
    return this.#front.closing || this.#ended;
  }

  /** Ends a connection that is between two requests. */
  closeIdle(): void {
    if (this.#exchange === undefined && !this.#lingering && this.#pending.length === 0) {
      this.socket.end();
      this.#linger();
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Acts on a deadline that has passed. */
  sweep(now: number): void {
    if (now < this.#deadline) return;
    this.#deadline = Number.POSITIVE_INFINITY;
    if (this.#exchange !== undefined) {
      if (this.#exchange.bodyComplete || this.#exchange.tunneling) {
        if (this.#ended) this.#checkLeft(this.#exchange);
        return;
      }
      if (this.socket.isPaused()) {
        this.#armBody();
        return;
      }
      const seconds = this.#front.limits.bodyIdleMs / 1000;
      this.#exchange.fail(refusal(408, `No byte of the body came for ${seconds} s`));
    } else if (this.#headBegun && !this.#lingering) {
      const seconds = this.#front.limits.headTimeoutMs / 1000;
      this.#refuse(408, `The header section was not complete after ${seconds} s`);
    } else {
      this.socket.destroy();
    }
  }

  finished(keepAlive: boolean, bodyComplete: boolean): void {
    this.#exchange = undefined;
    if (!keepAlive || !bodyComplete || this.#ended) {
      this.socket.end();
      this.#linger();
      return;
    }
    this.#headBegun = false;
    this.#deadline = this.#front.clock.monotonic() + this.#front.limits.keepAliveMs;
    if (this.#throttled) {
      this.#throttled = false;
      this.socket.resume();
    }
    this.#parse();
  }

  #data(chunk: Buffer): void {
    if (this.#lingering) {
      this.#discarded += chunk.length;
      if (this.#discarded > lingerBytes) this.socket.destroy();
      return;
    }
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#pending = join(this.#pending, chunk);
      this.#parse();
      return;
    }
    this.#armBody();
    const used = exchange.feed(chunk, 0);
    if (used === chunk.length || this.#lingering) return;
    this.#pending = join(this.#pending, chunk.subarray(used));
    // The exchange may have ended while it was fed.
    if (this.#exchange === undefined) this.#parse();
    else if (this.#pending.length > pipelineLimit) {
      this.#throttled = true;
      this.socket.pause();
    }
  }

  #parse(): void {
    if (this.#parsing) return;
    this.#parsing = true;
    while (this.#exchange === undefined && !this.#lingering && this.#pending.length > 0) {
      if (!this.#headBegun) {
        this.#headBegun = true;
        this.#deadline = this.#front.clock.monotonic() + this.#front.limits.headTimeoutMs;
      }
      const result = this.#front.parser.parse(this.#pending);
      if (result.kind === 'incomplete') break;
      if (result.kind === 'refused') this.#refuse(result.status, result.detail);
      else this.#begin(result.head, result.end);
    }
    this.#parsing = false;
  }

  #begin(head: RequestHead, bodyStart: number): void {
    const rest = this.#pending;
    const exchange = new ClientExchange(this, head);
    this.#exchange = exchange;
    const used = exchange.feed(rest, bodyStart);
    this.#pending = used >= rest.length ? empty : rest.subarray(used);
    this.#armBody();
    this.#front.handler(exchange);
  }

  #armBody(): void {
    const waits = this.#exchange !== undefined && !this.#exchange.bodyComplete;
    this.#deadline = waits
      ? this.#front.clock.monotonic() + this.#front.limits.bodyIdleMs
      : Number.POSITIVE_INFINITY;
  }

  /** Answers what is not a request that can be served, and closes. */
  #refuse(status: number, detail: string): void {
    this.#pending = empty;
    this.#front.refused(status);
    const exchange = new ClientExchange(this, unknownHead);
    this.#exchange = exchange;
    exchange.answer(problemAnswer(refusal(status, detail), ''));
  }

  #linger(): void {
    this.#lingering = true;
    this.#pending = empty;
    this.#deadline = this.#front.clock.monotonic() + lingerMs;
    this.socket.resume();
  }

  #end(): void {
    this.#ended = true;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      if (!this.#lingering) {
        this.socket.end();
        this.#linger();
      }
    } else if (exchange.bodyComplete || exchange.tunneling) {
      this.#checkLeft(exchange);
    } else {
      this.socket.destroy();
    }
  }

  #checkLeft(exchange: ClientExchange): void {
    exchange.halfClosed();
    const delayMs = leaveChecksMs[this.#leaveChecks];
    this.#leaveChecks += 1;
    if (delayMs !== undefined) this.#deadline = this.#front.clock.monotonic() + delayMs;
  }

  #closed(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#lingering = true;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.lost();
    this.#onClose(this);
  }
}

/** Stands for a head that could not be read. */
const unknownHead: RequestHead = {
  method: 'GET',
  target: '/',
  minor: 1,
  host: '',
  framing: noBody,
  keepAlive: false,
  websocket: false,
  expectContinue: false,
  lines: '',
  prefer: '',
  requestId: '',
  traceparent: '',
  tracestate: '',
  forwardedLines: '',
  forwardedFor: '',
};

function join(first: Buffer, second: Buffer): Buffer {
  return first.length === 0 ? second : Buffer.concat([first, second]);
}
