import type { Socket } from 'node:net';
import { ClientExchange, type ExchangeHost } from './client-exchange.ts';
import type { Connection, ConnectionLayer, FrontContext } from './connection.ts';
import { bodyTooSlow, problemAnswer, refusal } from './problem.ts';
import { type RequestHead, unknownHead } from './request-head.ts';

/** Bytes of further requests that are kept while one is being answered. */
const pipelineLimit = 64 * 1024;
/**
 * After an answer that closes: how much of what still comes is read away, and for how long once the
 * answer has left.
 */
const lingerBytes = 32 * 1024 * 1024;
const lingerMs = 2000;
/**
 * When a client that has ended its side is written to, to see whether it has left: the first write
 * draws a reset, a later one is refused because of it; milliseconds after the one before.
 */
const leaveChecksMs: readonly number[] = [50, 500, 3000];
/** Pieces of a body from this size on are freed without waiting for the collector; bytes. */
const freedBytes = 16 * 1024;
const empty = Buffer.alloc(0);

/**
 * The connection of one client: requests off the wire, one exchange at a time.
 *
 * Owns the socket. Invariants:
 * 1. The next request is not parsed before the exchange before it is over.
 * 2. An answer that closes is followed by reading away what still comes, bounded, so that a reset
 *    does not take the answer from the client (RFC 9112 section 9.6).
 * 3. Every state but an exchange whose body is complete has a deadline.
 * 4. Nothing further is answered to a client that does not take the answers it has.
 */
export class ClientConnection implements ExchangeHost, Connection {
  readonly socket: Socket;
  readonly client: string;
  readonly #front: FrontContext;
  readonly #onClose: (connection: ClientConnection) => void;
  #exchange: ClientExchange | undefined;
  #pending: Buffer = empty;
  #deadline: number;
  #lingering = false;
  #lingersUntil = 0;
  #discarded = 0;
  #parsing = false;
  #throttled = false;
  /** Answers wait for the client to read them. */
  #blocked = false;
  /** What had come of the body when the time began over which its rate is measured. */
  #windowFrom = 0;
  #headBegun = false;
  #ended = false;
  #leaveChecks = 0;
  /** The newest large piece of a body, while it is on its way to a pod. */
  #unsent: Buffer | undefined;

  constructor(
    socket: Socket,
    front: FrontContext,
    onClose: (connection: ClientConnection) => void,
  ) {
    this.socket = socket;
    this.client = socket.remoteAddress ?? '';
    this.#front = front;
    this.#onClose = onClose;
    this.#deadline = front.clock.monotonic() + front.limits.headTimeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('end', () => this.#end());
    socket.on('drain', () => this.#drained());
    // An error is always followed by 'close', which is where it is acted on.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#closed());
  }

  get bodyLimit(): number {
    return this.#front.limits.bodyBytes;
  }

  get secure(): boolean {
    return this.#front.secure;
  }

  get closing(): boolean {
    return this.#front.closing || (this.#ended && this.#pending.length === 0);
  }

  /** Ends a connection that is between two requests. */
  closeIdle(): void {
    if (this.#exchange === undefined && !this.#lingering && this.#pending.length === 0) {
      this.#hangUp();
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
      this.#checkPace(this.#exchange);
    } else if (this.#headBegun && !this.#lingering) {
      const seconds = this.#front.limits.headTimeoutMs / 1000;
      this.#refuse(408, `The header section was not complete after ${seconds} s`);
    } else if (this.#lingering && this.socket.writableLength > 0 && now < this.#lingersUntil) {
      // A slow client still takes its answer.
      this.#deadline = now + lingerMs;
    } else {
      this.socket.destroy();
    }
  }

  resume(): void {
    if (!this.socket.isPaused()) return;
    // The time that the gateway did not read is not the client's.
    this.#armBody();
    const unsent = this.#unsent;
    this.#unsent = undefined;
    if (unsent !== undefined && this.#exchange?.bodySent === true) freeMemory(unsent);
    this.socket.resume();
  }

  finished(keepAlive: boolean, bodyComplete: boolean): void {
    this.#exchange = undefined;
    this.#unsent = undefined;
    if (!keepAlive || !bodyComplete || (this.#ended && this.#pending.length === 0)) {
      this.#hangUp();
      return;
    }
    this.#headBegun = false;
    this.#deadline = this.#front.clock.recent + this.#front.limits.keepAliveMs;
    if (this.socket.writableNeedDrain) this.#blocked = true;
    else this.#next();
  }

  /** Goes on with what the client has sent meanwhile. */
  #next(): void {
    if (this.#throttled) {
      this.#throttled = false;
      this.socket.resume();
    }
    this.#parse();
  }

  #drained(): void {
    if (this.#exchange !== undefined) {
      this.#exchange.drained();
    } else if (this.#blocked) {
      this.#blocked = false;
      this.#next();
    }
  }

  #data(chunk: Buffer): void {
    this.#front.clock.monotonic();
    if (this.#lingering) {
      this.#discarded += chunk.length;
      if (this.#discarded > lingerBytes) this.socket.destroy();
      return;
    }
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#pending = join(this.#pending, chunk);
      if (this.#blocked) this.#throttle();
      else this.#parse();
      return;
    }
    const used = exchange.feed(chunk, 0);
    if (used === chunk.length || this.#lingering) {
      if (chunk.length >= freedBytes) this.#free(exchange, chunk);
      return;
    }
    this.#pending = join(this.#pending, chunk.subarray(used));
    // The exchange may have ended while it was fed.
    if (this.#exchange === undefined && !this.#blocked) this.#parse();
    else this.#throttle();
  }

  /** Frees the memory of a piece at once when it was sent, else when the pod takes data again. */
  #free(exchange: ClientExchange, chunk: Buffer): void {
    if (exchange.bodySent) freeMemory(chunk);
    else this.#unsent = chunk;
  }

  #throttle(): void {
    if (this.#pending.length <= pipelineLimit) return;
    this.#throttled = true;
    this.socket.pause();
  }

  /** The next request may be taken. */
  get #ready(): boolean {
    return this.#exchange === undefined && !this.#lingering && !this.#blocked;
  }

  #parse(): void {
    if (this.#parsing) return;
    this.#parsing = true;
    while (this.#ready && this.#pending.length > 0) {
      if (!this.#headBegun) {
        this.#headBegun = true;
        this.#deadline = this.#front.clock.recent + this.#front.limits.headTimeoutMs;
      }
      const result = this.#front.parser.parse(this.#pending);
      if (result.kind === 'incomplete') break;
      if (result.kind === 'refused') this.#refuse(result.status, result.detail);
      else this.#begin(result.head, result.end);
    }
    this.#parsing = false;
    if (this.#ended && this.#ready) this.#hangUp();
  }

  #begin(head: RequestHead, bodyStart: number): void {
    const rest = this.#pending;
    const exchange = new ClientExchange(this, head);
    this.#exchange = exchange;
    const used = exchange.feed(rest, bodyStart);
    this.#pending = used >= rest.length ? empty : rest.subarray(used);
    this.#armBody();
    this.#front.handler(exchange);
    if (this.#ended && this.#exchange === exchange) this.#ends(exchange);
  }

  #armBody(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.bodyComplete) {
      this.#deadline = Number.POSITIVE_INFINITY;
      return;
    }
    this.#windowFrom = exchange.received;
    this.#deadline = this.#front.clock.recent + this.#front.limits.bodyWindowMs;
  }

  /** Refuses a body that came too slowly, unless the gateway did not read or the pod has begun to answer. */
  #checkPace(exchange: ClientExchange): void {
    const { bodyWindowMs, bodyRate } = this.#front.limits;
    const came = exchange.received - this.#windowFrom;
    const asked = Math.max(1, (bodyRate * bodyWindowMs) / 1000);
    if (came >= asked || exchange.started || this.socket.isPaused()) {
      this.#armBody();
    } else {
      exchange.fail(bodyTooSlow(came, bodyWindowMs));
    }
  }

  /** Answers what is not a request that can be served, and closes. */
  #refuse(status: number, detail: string): void {
    this.#pending = empty;
    this.#front.refused(status);
    const exchange = new ClientExchange(this, unknownHead);
    this.#exchange = exchange;
    exchange.answer(problemAnswer(refusal(status, detail), ''));
  }

  #hangUp(): void {
    this.socket.end();
    this.#linger();
  }

  #linger(): void {
    this.#lingering = true;
    this.#pending = empty;
    const now = this.#front.clock.recent;
    this.#deadline = now + lingerMs;
    this.#lingersUntil = now + this.#front.limits.keepAliveMs;
    this.socket.resume();
  }

  #end(): void {
    this.#front.clock.monotonic();
    this.#ended = true;
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#ends(exchange);
    else if (this.#ready) this.#hangUp();
  }

  /** Nothing follows from the client; what it has sent is answered. */
  #ends(exchange: ClientExchange): void {
    this.#leaveChecks = 0;
    if (exchange.bodyComplete || exchange.tunneling) this.#checkLeft(exchange);
    else this.socket.destroy();
  }

  #checkLeft(exchange: ClientExchange): void {
    exchange.halfClosed();
    const delayMs = leaveChecksMs[this.#leaveChecks];
    this.#leaveChecks += 1;
    if (delayMs !== undefined) this.#deadline = this.#front.clock.recent + delayMs;
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

/** HTTP/1.1 on the socket as it is. */
export const plainLayer: ConnectionLayer = {
  secure: false,
  accept: (socket, front, owner) => {
    owner.opened(new ClientConnection(socket, front, (connection) => owner.closed(connection)));
  },
};

/**
 * Gives back the memory of a buffer that nobody refers to any more.
 *
 * Every read from a client comes in new memory, 64 KB of it for a large body. Left to the collector it
 * would make it run for a third of the time that an upload takes, and be cold when it is used again.
 */
function freeMemory({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

function join(first: Buffer, second: Buffer): Buffer {
  return first.length === 0 ? second : Buffer.concat([first, second]);
}
