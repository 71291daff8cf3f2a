import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../lib/clock.ts';
import type { ClientLimits } from '../wire/connection.ts';
import {
  type Answer,
  type Exchange,
  type ExchangeOwner,
  giveAnswer,
  type ResponseStart,
} from '../wire/exchange.ts';
import { bodyTooLarge, bodyTooSlow, type Problem } from '../wire/problem.ts';
import type { RequestHead } from '../wire/request-head.ts';

/** What an exchange asks of the connection that its stream is on. */
export interface StreamHost {
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly client: string;
  /** The stream is closed; `reset`: by the client, or because of it, before its answer was complete. */
  closed(exchange: StreamExchange, reset: boolean): void;
}

/** How long an answer may take to leave after its last byte was handed over; milliseconds. */
const leaveMs = 75_000;

/** Fields that no answer over HTTP/2 may have (RFC 9113 section 8.2.2). */
const connectionFields = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * One request and its answer as a stream of HTTP/2.
 *
 * Owns the stream. Invariants:
 * 1. The stream is not read before an owner takes its data, nor while it is paused: what the client may
 *    send ahead is one window.
 * 2. An answer that cannot be completed ends with RST_STREAM, never with END_STREAM.
 * 3. After a complete answer to an incomplete request the client is told to stop sending
 *    (RST_STREAM with NO_ERROR, RFC 9113 section 8.1).
 */
export class StreamExchange implements Exchange {
  readonly head: RequestHead;
  readonly secure = true;
  readonly version = '2';
  readonly #host: StreamHost;
  readonly #stream: ServerHttp2Stream;
  #owner: ExchangeOwner | undefined;
  #received = 0;
  #windowFrom = 0;
  #deadline: number;
  #bodyDone: boolean;
  #paused = false;
  #failed = false;
  #mode: 'body' | 'none' | 'tunnel' | undefined;
  #over = false;
  #proceeded = false;

  constructor(host: StreamHost, stream: ServerHttp2Stream, head: RequestHead) {
    this.#host = host;
    this.#stream = stream;
    this.head = head;
    this.#bodyDone = head.framing.kind === 'none';
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#armBody();
    stream.on('drain', () => {
      if (!this.#over) this.#owner?.drained();
    });
    // An error is always followed by 'close', which is where it is acted on.
    stream.on('error', () => undefined);
    stream.on('close', () => this.#closed());
  }

  get client(): string {
    return this.#host.client;
  }

  get bodyComplete(): boolean {
    return this.#bodyDone;
  }

  get started(): boolean {
    return this.#mode !== undefined;
  }

  attach(owner: ExchangeOwner): void {
    this.#owner = owner;
    if (!this.#bodyDone) {
      this.#read();
    } else {
      // Nothing but the end of the stream can come, and has to be read for the stream to close.
      if (!this.head.websocket) this.#stream.resume();
      owner.bodyEnd();
    }
  }

  pause(): void {
    this.#paused = true;
    if (this.#owner !== undefined) this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // The time that the gateway did not read is not the client's.
    this.#armBody();
    if (this.#owner !== undefined) this.#stream.resume();
  }

  proceed(): void {
    if (!this.head.expectContinue || this.#proceeded || this.#bodyDone || this.#received > 0)
      return;
    this.#proceeded = true;
    this.interim(100, '', '');
  }

  interim(status: number, _reason: string, lines: string): void {
    if (this.#over || this.#mode !== undefined || !this.#open) return;
    const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    const list = fieldList(lines);
    for (let index = 0; index < list.length; index += 2) {
      (fields[list[index] as string] ??= []).push(list[index + 1] as string);
    }
    this.#stream.additionalHeaders({ ...fields, ':status': status });
  }

  start(response: ResponseStart): void {
    if (this.#over || this.#mode !== undefined || !this.#open) return;
    const { status, lines, framing, statedLength } = response;
    const list = [':status', String(status), ...fieldList(lines)];
    const bodiless = this.head.method === 'HEAD' || withoutBody.has(status);
    if (bodiless) {
      if (statedLength >= 0 && status !== 204) list.push('content-length', String(statedLength));
    } else if (framing.kind === 'none' || framing.kind === 'length') {
      list.push('content-length', String(framing.kind === 'none' ? 0 : framing.length));
    }
    this.#mode = bodiless || framing.kind === 'none' ? 'none' : 'body';
    this.#stream.respond(list, { endStream: this.#mode === 'none' });
  }

  data(parts: readonly Buffer[], bytes: number): boolean {
    if (this.#over || bytes === 0 || this.#mode === 'none' || this.#mode === undefined) return true;
    const stream = this.#stream;
    stream.cork();
    for (const part of parts) stream.write(part);
    stream.uncork();
    return !stream.writableNeedDrain;
  }

  flush(): boolean {
    return this.#over || !this.#stream.writableNeedDrain;
  }

  end(): void {
    if (this.#over || this.#mode === undefined) return;
    this.#over = true;
    this.#deadline = this.#host.clock.monotonic() + leaveMs;
    const stream = this.#stream;
    if (!stream.writableEnded) stream.end();
    stream.resume();
    if (stream.writableFinished) setImmediate(() => this.#stopClient());
    else stream.once('finish', () => setImmediate(() => this.#stopClient()));
  }

  /**
   * Tells a client that still sends to stop. Not before the answer has left: a `close` that waits for
   * that, of a stream that the client has ended, sends node 26 into an endless loop.
   */
  #stopClient(): void {
    const stream = this.#stream;
    if (!stream.destroyed && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  answer(answer: Answer): void {
    if (this.#over || this.#mode !== undefined) return;
    giveAnswer(this, answer);
  }

  /** RFC 8441: the tunnel is the stream, and its answer is 200. */
  tunnel(lines: string): void {
    if (this.#over || this.#mode !== undefined || !this.#open) return;
    this.#mode = 'tunnel';
    const list = [':status', '200', ...fieldList(lines, 'sec-websocket-accept')];
    this.#stream.respond(list);
    this.#read();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    // Resets with INTERNAL_ERROR. `close` would end the stream first, as if the answer were complete.
    this.#stream.destroy(new Error('The answer broke off'));
  }

  /** Acts on a deadline that has passed. */
  sweep(now: number): void {
    if (now < this.#deadline) return;
    this.#deadline = Number.POSITIVE_INFINITY;
    if (this.#over) {
      this.#stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    if (this.#bodyDone) return;
    const { bodyRate, bodyWindowMs } = this.#host.limits;
    const came = this.#received - this.#windowFrom;
    const asked = Math.max(1, (bodyRate * bodyWindowMs) / 1000);
    if (came >= asked || this.started || this.#paused) this.#armBody();
    else this.#fail(bodyTooSlow(came, bodyWindowMs));
  }

  get #open(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed && !this.#stream.headersSent;
  }

  #armBody(): void {
    if (this.#bodyDone) return;
    this.#windowFrom = this.#received;
    this.#deadline = this.#host.clock.monotonic() + this.#host.limits.bodyWindowMs;
  }

  #read(): void {
    this.#stream.on('data', (chunk: Buffer) => this.#data(chunk));
    this.#stream.on('end', () => {
      if (this.#over || this.#failed || (this.#bodyDone && this.#mode !== 'tunnel')) return;
      this.#bodyDone = true;
      this.#owner?.bodyEnd();
    });
    if (this.#paused) this.#stream.pause();
  }

  #data(chunk: Buffer): void {
    if (this.#over || this.#failed) return;
    this.#received += chunk.length;
    const limit = this.#host.limits.bodyBytes;
    if (this.#received > limit && this.#mode !== 'tunnel') this.#fail(bodyTooLarge(limit));
    else this.#owner?.bodyData([chunk], chunk.length);
  }

  #fail(problem: Problem): void {
    if (this.#failed || this.#over) return;
    this.#failed = true;
    this.#owner?.bodyFailed(problem);
  }

  #closed(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    const lost = !this.#over;
    this.#over = true;
    this.#host.closed(this, lost);
    if (lost) this.#owner?.gone();
  }
}

const withoutBody = new Set([204, 205, 304]);

/** Names in lower case and values, in turn, of field lines that the gateway has parsed. */
function fieldList(lines: string, without = ''): string[] {
  const out: string[] = [];
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    if (connectionFields.has(name) || name === without) continue;
    out.push(name, line.slice(colon + 1).trim());
  }
  return out;
}
