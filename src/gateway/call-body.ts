import type { Holding } from './activator/holding.ts';
import { encodeChunk, lastChunk } from './wire/chunk.ts';
import type { Exchange } from './wire/exchange.ts';

/** Body bytes that a waiting request reads ahead before it stops reading from its client. */
const readAheadBytes = 256 * 1024;

const none: readonly Buffer[] = [];

/**
 * The body of a call on its way to a pod: what came before there was one, and how it is framed.
 *
 * Owns what the call has charged to the holding of its function, and the pause of its client.
 */
export class CallBody {
  readonly #exchange: Exchange;
  readonly #holding: Holding;
  #parts: readonly Buffer[] = none;
  #charged = 0;
  #holds = false;
  #chunked = false;
  #paused = false;
  /** Bytes that came before the request was sent. */
  bytes = 0;
  /** All of it has come from the client. */
  done = false;

  constructor(exchange: Exchange, holding: Holding) {
    this.#exchange = exchange;
    this.#holding = holding;
  }

  /** The client is not read, as the pod does not take what it sends. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Nothing of it is kept, to be sent or sent again. */
  get isPassedOn(): boolean {
    return this.#parts === none;
  }

  /** Keeps what comes before there is a pod; false when the function's queue has no room for it. */
  keep(parts: readonly Buffer[], bytes: number): boolean {
    if (this.#holds && !this.#charge(bytes)) return false;
    this.#parts = this.#parts === none ? parts : [...this.#parts, ...parts];
    this.bytes += bytes;
    if (this.bytes > readAheadBytes && !this.done) this.pause(true);
    return true;
  }

  /** The call waits, with `headBytes` beside the body; false when the queue has no room for it. */
  hold(headBytes: number): boolean {
    this.#holds = true;
    return this.#charge(headBytes + this.bytes);
  }

  /** The call no longer waits. */
  unhold(): void {
    this.#holds = false;
    this.#holding.discharge(this.#charged);
    this.#charged = 0;
  }

  /** Decides on the framing lines for the pod; a body that is here already is sent with its length. */
  framing(): string {
    const { method, framing, websocket } = this.#exchange.head;
    this.#chunked = false;
    if (websocket) return 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    if (framing.kind === 'length') return `Content-Length: ${framing.length}\r\n`;
    if (this.done) {
      const silent = this.bytes === 0 && (method === 'GET' || method === 'HEAD');
      return silent ? '' : `Content-Length: ${this.bytes}\r\n`;
    }
    this.#chunked = true;
    return 'Transfer-Encoding: chunked\r\n';
  }

  /** What was kept, framed. */
  kept(): readonly Buffer[] {
    return this.framed(this.#parts, this.bytes);
  }

  framed(parts: readonly Buffer[], bytes: number): readonly Buffer[] {
    return this.#chunked ? encodeChunk(parts, bytes) : parts;
  }

  /** What ends the body on the wire. */
  ending(): readonly Buffer[] {
    return this.#chunked ? [lastChunk] : [];
  }

  /** Lets go of what was kept: it will not be sent again. */
  drop(): void {
    this.#parts = none;
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) this.#exchange.pause();
    else this.#exchange.resume();
  }

  #charge(bytes: number): boolean {
    if (!this.#holding.charge(bytes)) return false;
    this.#charged += bytes;
    return true;
  }
}
