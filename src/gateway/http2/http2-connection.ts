import { randomBytes } from 'node:crypto';
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import type { ClientLimits, Connection, FrontContext } from '../wire/connection.ts';
import { problemAnswer, refusal } from '../wire/problem.ts';
import { unknownHead } from '../wire/request-head.ts';
import { readStreamHead } from './stream-head.ts';
import { StreamExchange, type StreamHost } from './stream-exchange.ts';

/** What a client may send ahead on one stream, before the gateway reads; bytes. */
const windowBytes = 128 * 1024;
/** The same for all streams of a connection: less than their sum, more than one needs. */
const connectionWindowBytes = 1024 * 1024;
/** Memory of one session, by node's own count; MB. */
const sessionMemory = 24;
/** Largest header section of a pod's answer, compressed; bytes. */
const answerHeadBytes = 128 * 1024;
/**
 * Streams that a client resets, and its PING and SETTINGS frames, cost it one unit each: so many at
 * once, and so many per second. Whoever has none left floods (CVE-2023-44487, CVE-2019-9512, -9515).
 */
const budgetUnits = 200;
const budgetPerSecond = 20;
/** How long a session may take to end once it was told to, with no stream open; milliseconds. */
const endMs = 2000;
/**
 * The connection of one client that speaks HTTP/2: its streams are exchanges.
 *
 * Owns the session and, through it, the socket. Invariants:
 * 1. Each stream has one exchange from its head until it is closed, and all of them are swept.
 * 2. A session without streams has a deadline.
 * 3. What costs the client nothing is bounded by its budget, beside the limits of node's own.
 */
export class Http2Connection implements Connection, StreamHost {
  readonly client: string;
  readonly #front: FrontContext;
  readonly #session: ServerHttp2Session;
  readonly #exchanges = new Set<StreamExchange>();
  #deadline: number;
  #budget = budgetUnits;
  #refilledAt: number;
  #ending = false;

  constructor(socket: TLSSocket, front: FrontContext, onClose: (connection: Connection) => void) {
    this.#front = front;
    this.client = socket.remoteAddress ?? '';
    this.#refilledAt = front.clock.monotonic();
    this.#deadline = this.#refilledAt + front.limits.headTimeoutMs;
    const { headBytes, headLines, streams } = front.limits;
    const session = performServerHandshake(socket, {
      maxSessionMemory: sessionMemory,
      maxHeaderListPairs: headLines * 2,
      maxSendHeaderBlockLength: answerHeadBytes,
      // A pod may send a field twice that HTTP says comes once; that is between it and the client.
      strictSingleValueFields: false,
      settings: {
        enablePush: false,
        enableConnectProtocol: true,
        initialWindowSize: windowBytes,
        maxConcurrentStreams: streams,
        // Up to here a head that is too large gets its 431, beyond it the stream is reset.
        maxHeaderListSize: headBytes * 2,
      },
    });
    this.#session = session;
    session.setLocalWindowSize(connectionWindowBytes);
    session.on('stream', (stream, _fields, flags, raw) => this.#stream(stream, flags, raw));
    session.on('ping', () => this.#spend());
    session.on('remoteSettings', () => this.#spend());
    // An error is always followed by 'close', which is where it is acted on.
    session.on('error', () => undefined);
    session.on('close', () => onClose(this));
    // A client that has ended its side of the connection has left.
    socket.on('end', () => session.destroy());
  }

  get limits(): ClientLimits {
    return this.#front.limits;
  }

  get clock(): Clock {
    return this.#front.clock;
  }

  sweep(now: number): void {
    const earned = ((now - this.#refilledAt) / 1000) * budgetPerSecond;
    this.#refilledAt = now;
    this.#budget = Math.min(budgetUnits, this.#budget + earned);
    for (const exchange of this.#exchanges) exchange.sweep(now);
    if (this.#exchanges.size > 0 || now < this.#deadline) return;
    if (this.#ending) {
      this.#session.destroy();
    } else {
      this.#deadline = now + endMs;
      this.closeIdle();
    }
  }

  /**
   * Says GOAWAY and ends once the streams that are open are answered. What the client had sent without
   * knowing has a higher stream id than the GOAWAY names, so it may send it again elsewhere. (A first
   * GOAWAY that only warns is not possible: after it node reads no more when no stream is open.)
   */
  closeIdle(): void {
    if (this.#ending || this.#session.destroyed) return;
    this.#ending = true;
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  closed(exchange: StreamExchange, reset: boolean): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#armIdle();
    if (reset) this.#spend();
  }

  #armIdle(): void {
    const ms = this.#ending ? endMs : this.#front.limits.keepAliveMs;
    this.#deadline = this.#front.clock.monotonic() + ms;
  }

  #stream(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const result = readStreamHead({ raw, ended }, this.#front.parser, webSocketKey);
    const head = result.kind === 'head' ? result.head : unknownHead;
    const exchange = new StreamExchange(this, stream, head);
    this.#exchanges.add(exchange);
    if (result.kind === 'refused') {
      this.#front.refused(result.status);
      exchange.answer(problemAnswer(refusal(result.status, result.detail), ''));
    } else {
      this.#front.handler(exchange);
    }
  }

  #spend(): void {
    this.#budget -= 1;
    if (this.#budget < 0 && !this.#session.destroyed) {
      const calm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
      this.#session.destroy(new Error('The client floods the connection'), calm);
    }
  }
}

function webSocketKey(): string {
  return randomBytes(16).toString('base64');
}
