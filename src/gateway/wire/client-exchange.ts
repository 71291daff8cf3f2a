import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { BodyDecoder } from './body-decoder.ts';
import type { Answer, Exchange, ExchangeOwner, ResponseStart } from './exchange.ts';
import { bodyTooLarge, type Problem, refusal } from './problem.ts';
import type { RequestHead } from './request-head.ts';

/** What an exchange asks of the connection that it is on. */
export interface ExchangeHost {
  readonly socket: Socket;
  readonly bodyLimit: number;
  readonly secure: boolean;
  /** The connection must be closed after this exchange. */
  readonly closing: boolean;
  /** Reads on, if it was paused. */
  resume(): void;
  finished(keepAlive: boolean, bodyComplete: boolean): void;
}

/** Up to this size an answer's data is joined with its head into one write; bytes. */
const joinLimit = 4096;

type Mode = 'none' | 'length' | 'chunked' | 'raw' | 'tunnel';

/**
 * One request and its answer on a client's connection.
 *
 * Invariants:
 * 1. Body bytes reach the owner in order, each once, also those that came before it was attached.
 * 2. After the exchange is over nothing of it touches the connection.
 * 3. What is gathered between two flushes leaves in one write as long as it is small.
 */
export class ClientExchange implements Exchange {
  readonly head: RequestHead;
  readonly client: string;
  readonly #host: ExchangeHost;
  readonly #body: BodyDecoder;
  #owner: ExchangeOwner | undefined;
  #early: Buffer[] = [];
  #received = 0;
  #failure: Problem | undefined;
  #mode: Mode | undefined;
  #keepAlive = true;
  #over = false;
  #proceeded = false;
  #clientEnded = false;
  #text = '';

  constructor(host: ExchangeHost, head: RequestHead) {
    this.#host = host;
    this.head = head;
    this.client = host.socket.remoteAddress ?? '';
    this.#body = new BodyDecoder(head.framing);
  }

  get bodyComplete(): boolean {
    return this.#body.done;
  }

  get secure(): boolean {
    return this.#host.secure;
  }

  /** Bytes of the body that have come. */
  get received(): number {
    return this.#received;
  }

  get started(): boolean {
    return this.#mode !== undefined;
  }

  get tunneling(): boolean {
    return this.#mode === 'tunnel';
  }

  /** Takes bytes off the connection; returns the offset after those of this request. */
  feed(bytes: Buffer, from: number): number {
    if (this.#mode === 'tunnel') {
      this.#owner?.bodyData([bytes.subarray(from)], bytes.length - from);
      return bytes.length;
    }
    if (this.#body.done || this.#failure !== undefined) return from;
    const parts: Buffer[] = [];
    const end = this.#body.decode(bytes, from, parts);
    let size = 0;
    for (const part of parts) size += part.length;
    this.#received += size;
    if (this.#body.failed) {
      this.fail(refusal(400, 'The chunked framing of the body is malformed'));
    } else if (this.#received > this.#host.bodyLimit) {
      this.fail(bodyTooLarge(this.#host.bodyLimit));
    } else {
      this.#deliver(parts, size);
    }
    return this.#failure === undefined ? end : bytes.length;
  }

  /** The body cannot be had. */
  fail(problem: Problem): void {
    if (this.#failure !== undefined || this.#over) return;
    this.#failure = problem;
    this.#keepAlive = false;
    this.#owner?.bodyFailed(problem);
  }

  /** The client has left. */
  lost(): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner?.gone();
  }

  /** The client has ended its side after a complete request, or in a tunnel. */
  halfClosed(): void {
    if (this.#over) return;
    this.#keepAlive = false;
    if (this.#mode === 'tunnel') {
      if (!this.#clientEnded) this.#owner?.bodyEnd();
      this.#clientEnded = true;
    } else if (this.#mode === undefined && this.head.minor === 1) {
      // A client that only half-closed ignores an interim answer (RFC 9110 section 15.2); the system
      // of one that has left resets the connection, and so its leaving is noticed while it waits.
      this.#host.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
  }

  drained(): void {
    if (!this.#over) this.#owner?.drained();
  }

  attach(owner: ExchangeOwner): void {
    this.#owner = owner;
    const early = this.#early;
    this.#early = [];
    if (early.length > 0) {
      let size = 0;
      for (const part of early) size += part.length;
      owner.bodyData(early, size);
    }
    if (this.#over) return;
    if (this.#failure !== undefined) owner.bodyFailed(this.#failure);
    else if (this.#body.done) owner.bodyEnd();
  }

  pause(): void {
    if (!this.#over && (!this.#body.done || this.tunneling)) this.#host.socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#host.resume();
  }

  proceed(): void {
    if (!this.head.expectContinue || this.#proceeded || this.#over || this.#received > 0) return;
    this.#proceeded = true;
    if (!this.#body.done) this.#host.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  interim(status: number, reason: string, lines: string): void {
    if (this.#over || this.#mode !== undefined || this.head.minor === 0) return;
    this.#host.socket.write(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`, 'latin1');
  }

  start(response: ResponseStart): void {
    if (this.#over || this.#mode !== undefined) return;
    const { status, reason, lines, framing, statedLength } = response;
    if (!this.#body.done || !this.head.keepAlive || this.#host.closing) this.#keepAlive = false;
    let text = `HTTP/1.1 ${status} ${reason}\r\n${lines}`;
    if (this.head.method === 'HEAD' || status === 204 || status === 304) {
      this.#mode = 'none';
      if (statedLength >= 0) text += `Content-Length: ${statedLength}\r\n`;
    } else if (framing.kind === 'none' || framing.kind === 'length') {
      this.#mode = 'length';
      text += `Content-Length: ${framing.kind === 'none' ? 0 : framing.length}\r\n`;
    } else if (this.head.minor === 1) {
      this.#mode = 'chunked';
      text += 'Transfer-Encoding: chunked\r\n';
    } else {
      this.#mode = 'raw';
      this.#keepAlive = false;
    }
    if (!this.#keepAlive) text += 'Connection: close\r\n';
    else if (this.head.minor === 0) text += 'Connection: keep-alive\r\n';
    this.#text = `${text}\r\n`;
  }

  data(parts: readonly Buffer[], bytes: number): boolean {
    if (this.#over || bytes === 0 || this.#mode === 'none' || this.#mode === undefined) return true;
    const socket = this.#host.socket;
    const chunked = this.#mode === 'chunked';
    if (chunked) this.#text += `${bytes.toString(16)}\r\n`;
    if (this.#text.length + bytes <= joinLimit && this.#mode !== 'tunnel') {
      for (const part of parts) this.#text += part.toString('latin1', 0, part.length);
      if (chunked) this.#text += '\r\n';
      return true;
    }
    socket.cork();
    this.flush();
    for (const part of parts) socket.write(part);
    socket.uncork();
    if (chunked) this.#text = '\r\n';
    return !socket.writableNeedDrain;
  }

  flush(): boolean {
    if (this.#over || this.#text === '') return true;
    const text = this.#text;
    this.#text = '';
    return this.#host.socket.write(text, 'latin1');
  }

  end(): void {
    if (this.#over || this.#mode === undefined) return;
    if (this.#mode === 'chunked') this.#text += '0\r\n\r\n';
    this.flush();
    this.#finish();
  }

  answer(answer: Answer): void {
    if (this.#over || this.#mode !== undefined) return;
    const { status, lines, body } = answer;
    this.start({
      status,
      reason: STATUS_CODES[status] ?? '',
      lines: `Date: ${new Date().toUTCString()}\r\n${lines}`,
      framing: { kind: 'length', length: body.length },
      statedLength: body.length,
    });
    this.data([body], body.length);
    this.end();
  }

  tunnel(lines: string): void {
    if (this.#over || this.#mode !== undefined) return;
    this.#mode = 'tunnel';
    this.#keepAlive = false;
    this.#text = `HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`;
    this.flush();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.socket.destroy();
  }

  #deliver(parts: Buffer[], size: number): void {
    if (this.#owner === undefined) {
      this.#early.push(...parts);
      return;
    }
    if (size > 0) this.#owner.bodyData(parts, size);
    if (this.#body.done && !this.#over) this.#owner.bodyEnd();
  }

  #finish(): void {
    this.#over = true;
    this.#host.finished(this.#keepAlive, this.#body.done);
  }
}
