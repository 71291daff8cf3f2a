import type { Socket } from 'node:net';
import { BodyDecoder } from './body-decoder.ts';
import {
  type Answer,
  type Exchange,
  type ExchangeOwner,
  giveAnswer,
  type ResponseStart,
} from './exchange.ts';
import { writeAll } from './write-all.ts';
import { bodyTooLarge, type Problem, refusal } from './problem.ts';
import type { RequestHead } from './request-head.ts';

/** What an exchange asks of the connection that it is on. */
export interface ExchangeHost {
  readonly socket: Socket;
  /** The client's address. */
  readonly client: string;
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

/** The status line of most answers. */
const okLine = 'HTTP/1.1 200 OK\r\n';
const none: readonly Buffer[] = [];

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
  /** For a body that does not come in one piece. */
  #body: BodyDecoder | undefined;
  #complete: boolean;
  #owner: ExchangeOwner | undefined;
  #early: readonly Buffer[] = none;
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
    this.client = host.client;
    this.#complete = head.framing.kind === 'none';
  }

  get bodyComplete(): boolean {
    return this.#complete;
  }

  get version(): string {
    return this.head.minor === 0 ? '1.0' : '1.1';
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

  get answerSent(): boolean {
    return this.#host.socket.writableLength === 0;
  }

  /** All of the body that has come is on its way, and its memory free. */
  get bodySent(): boolean {
    return !this.#over && this.#owner?.bodySent === true;
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
    if (this.#complete || this.#failure !== undefined || from >= bytes.length) return from;
    const { framing } = this.head;
    if (this.#body === undefined && framing.kind === 'length') {
      const end = from + framing.length;
      if (end <= bytes.length) return this.#whole(bytes, from, end);
    }
    return this.#piece(bytes, from);
  }

  /** Takes a body that came in one piece, as most do. */
  #whole(bytes: Buffer, from: number, end: number): number {
    this.#complete = true;
    this.#take([bytes.subarray(from, end)], end - from);
    return this.#failure === undefined ? end : bytes.length;
  }

  #piece(bytes: Buffer, from: number): number {
    const body = (this.#body ??= new BodyDecoder(this.head.framing));
    const parts: Buffer[] = [];
    const end = body.decode(bytes, from, parts);
    this.#complete = body.done;
    let size = 0;
    for (const part of parts) size += part.length;
    if (body.failed) this.fail(refusal(400, 'The chunked framing of the body is malformed'));
    else this.#take(parts, size);
    return this.#failure === undefined ? end : bytes.length;
  }

  #take(parts: readonly Buffer[], size: number): void {
    this.#received += size;
    if (this.#received > this.#host.bodyLimit) {
      this.fail(bodyTooLarge(this.#host.bodyLimit));
    } else {
      this.#deliver(parts, size);
    }
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
    if (this.#host.closing) this.#keepAlive = false;
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
    this.#early = none;
    if (early.length > 0) {
      let size = 0;
      for (const part of early) size += part.length;
      owner.bodyData(early, size);
    }
    if (this.#over) return;
    if (this.#failure !== undefined) owner.bodyFailed(this.#failure);
    else if (this.#complete) owner.bodyEnd();
  }

  pause(): void {
    if (!this.#over && (!this.#complete || this.tunneling)) this.#host.socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#host.resume();
  }

  proceed(): void {
    if (!this.head.expectContinue || this.#proceeded || this.#over || this.#received > 0) return;
    this.#proceeded = true;
    if (!this.#complete) this.#host.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  interim(status: number, reason: string, lines: string): void {
    if (this.#over || this.#mode !== undefined || this.head.minor === 0) return;
    this.#host.socket.write(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`, 'latin1');
  }

  start(response: ResponseStart): void {
    if (this.#over || this.#mode !== undefined) return;
    const { status, reason, lines, framing, statedLength } = response;
    if (!this.#complete || !this.head.keepAlive || this.#host.closing) this.#keepAlive = false;
    const line = status === 200 && reason === 'OK' ? okLine : `HTTP/1.1 ${status} ${reason}\r\n`;
    let text = line + lines;
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
    writeAll(socket, this.#text, parts);
    this.#text = '';
    if (chunked) this.#text = '\r\n';
    return !socket.writableNeedDrain;
  }

  text(text: string): boolean {
    if (this.#mode !== 'length' || this.#text.length + text.length > joinLimit) {
      return this.data([Buffer.from(text, 'latin1')], text.length);
    }
    if (!this.#over) this.#text += text;
    return true;
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
    giveAnswer(this, answer);
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

  #deliver(parts: readonly Buffer[], size: number): void {
    if (this.#owner === undefined) {
      this.#early = this.#early === none ? parts : [...this.#early, ...parts];
      return;
    }
    if (size > 0) this.#owner.bodyData(parts, size);
    if (this.#complete && !this.#over) this.#owner.bodyEnd();
  }

  #finish(): void {
    this.#over = true;
    this.#host.finished(this.#keepAlive, this.#complete);
  }
}
