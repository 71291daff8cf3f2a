import { connect, type Socket } from 'node:net';
import { BodyDecoder } from './body-decoder.ts';
import type { Framing } from './framing.ts';
import type { RecentClock } from './recent-clock.ts';
import { writeAll } from './write-all.ts';
import { type ResponseHead, ResponseHeadParser, shortBytes } from './response-head.ts';

/** How a request to a pod ended without an answer, or with half of one. */
export interface UpstreamFailure {
  /** `dial`: no connection was made, so nothing was sent. */
  readonly phase: 'dial' | 'exchange';
  /** No byte of the request has left. */
  readonly unsent: boolean;
  /** The connection had served a request before, and closed without a byte of an answer to this one. */
  readonly stale: boolean;
  /** The pod's answer broke the protocol. */
  readonly malformed: boolean;
  readonly reason: string;
}

/** Who takes the answer of a pod. */
export interface ResponseSink {
  /** The connection stands; the request may be sent. */
  connected(): void;
  interim(head: ResponseHead): void;
  /** With status 101 the connection is a tunnel from here on. */
  responseHead(head: ResponseHead): void;
  responseData(parts: readonly Buffer[], bytes: number): void;
  /** All data of a short answer, each byte a character. */
  responseText(text: string): void;
  /**
   * No byte of what `responseData` handed on is held any more, so that its memory may be read into
   * again; where it is missing, that is not known.
   */
  readonly answerSent?: boolean;
  /** What came in one read has been handed on. */
  responseFlush(): void;
  /** The answer is complete and the connection no longer this sink's. */
  responseEnd(): void;
  /** The pod takes data again, after `send` or `write` said false. */
  upstreamDrained(): void;
  upstreamFailed(failure: UpstreamFailure): void;
}

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
}

/** Where connections go when their answer is complete. */
export interface ConnectionHome {
  /** Read when something comes from the pod. */
  readonly clock: RecentClock;
  /** The connection is idle and may be used again. */
  idle(connection: UpstreamConnection): void;
  /** The connection is gone, idle or not. */
  lost(connection: UpstreamConnection): void;
}

/** Shared by all connections: parsing is synchronous. */
const heads = new ResponseHeadParser();
/** Up to this size body bytes are joined with the head into one write. */
const joinLimit = 4096;
/** A first write of at most this many bytes leaves whole or not at all: an idle socket's buffer is empty. */
const atomicWriteBytes = 16 * 1024;
/** Size of one read: small until an answer fills it, as idle connections keep their buffer. */
const smallReadBytes = 16 * 1024;
const largeReadBytes = 64 * 1024;
/** A read of at most this many bytes is copied, so that its buffer serves again. */
const copyLimit = 8 * 1024;
/** Interim answers (1xx) to one request, all together: no back-pressure holds them; bytes. */
const interimLimit = 256 * 1024;
const empty = Buffer.alloc(0);

/** The body is there, and nothing beyond it. */
function isWhole(framing: Framing, bytes: number): boolean {
  if (framing.kind === 'length') return framing.length === bytes;
  return framing.kind === 'none' && bytes === 0;
}

/**
 * One keep-alive connection to a pod; one request at a time.
 *
 * Owns the socket. Invariants:
 * 1. It goes back to its home only after a complete answer to a completely sent request, with no
 *    byte of surplus.
 * 2. Bytes that come while it is idle destroy it.
 * 3. A sink hears exactly one of `responseEnd` and `upstreamFailed`, unless it calls `destroy`.
 */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #home: ConnectionHome;
  #sink: ResponseSink | undefined;
  #established = false;
  /** It has ended, broken, or been given up: it is used no more. */
  #ending = false;
  #used = false;
  #buffer: Buffer | undefined;
  #readBytes = smallReadBytes;
  #pending: Buffer = empty;
  #body: BodyDecoder | undefined;
  #head: ResponseHead | undefined;
  #isHead = false;
  #tunnel = false;
  #answered = false;
  #requestComplete = false;
  #interimBytes = 0;
  #sentBytes = 0;
  /** A sink asked for a pause, which must not outlive it: an idle connection is read. */
  #paused = false;
  #malformed = '';
  #error: NodeJS.ErrnoException | undefined;
  /** When the connection became idle, and when it must no longer be used; the pool's business. */
  idleSince = 0;
  keepAliveSeconds = -1;

  constructor(address: UpstreamAddress, home: ConnectionHome) {
    this.#home = home;
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: () => (this.#buffer ??= Buffer.allocUnsafeSlow(this.#readBytes)),
        callback: (length) => {
          home.clock.monotonic();
          this.#read(length);
          return true;
        },
      },
    });
    this.#socket.on('connect', () => {
      this.#established = true;
      home.clock.monotonic();
      this.#sink?.connected();
    });
    this.#socket.on('end', () => this.#end());
    this.#socket.on('drain', () => this.#sink?.upstreamDrained());
    this.#socket.on('error', (error) => {
      this.#ending = true;
      this.#error = error;
    });
    this.#socket.on('close', () => this.#close());
  }

  /** All that was to be sent has left. */
  get sent(): boolean {
    return this.#socket.writableLength === 0;
  }

  get usable(): boolean {
    return this.#established && !this.#ending;
  }

  /** Gives the connection to a request; `connected` is called at once or when it stands. */
  open(sink: ResponseSink): void {
    this.#sink = sink;
    this.#pending = empty;
    this.#body = undefined;
    this.#head = undefined;
    this.#answered = false;
    this.#requestComplete = false;
    this.#interimBytes = 0;
    this.#sentBytes = 0;
    if (this.#established) sink.connected();
  }

  /** Sends the head, with what there is of the body; false asks for a pause. */
  send(request: {
    readonly head: string;
    readonly isHead: boolean;
    readonly parts: readonly Buffer[];
    readonly complete: boolean;
  }): boolean {
    this.#isHead = request.isHead;
    this.#requestComplete = request.complete;
    let bytes = 0;
    for (const part of request.parts) bytes += part.length;
    this.#sentBytes = request.head.length + bytes;
    const socket = this.#socket;
    if (bytes <= joinLimit) {
      let text = request.head;
      for (const part of request.parts) text += part.toString('latin1', 0, part.length);
      return socket.write(text, 'latin1');
    }
    writeAll(socket, request.head, request.parts);
    return !socket.writableNeedDrain;
  }

  /** Sends more of the body (framed already), or bytes of a tunnel; false asks for a pause. */
  write(parts: readonly Buffer[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    for (const part of parts) this.#sentBytes += part.length;
    writeAll(socket, '', parts);
    return !socket.writableNeedDrain;
  }

  /** The body is complete. */
  finish(): void {
    this.#requestComplete = true;
  }

  /** Ends our side of a tunnel. */
  endTunnel(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** Cuts the connection; its sink hears nothing more. */
  destroy(): void {
    this.#sink = undefined;
    this.#giveUp();
  }

  /** Gives the connection up. */
  #giveUp(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  #read(length: number): void {
    const sink = this.#sink;
    const fresh = this.#head === undefined && this.#pending.length === 0 && this.#sentBytes > 0;
    if (sink !== undefined && fresh && length <= shortBytes && this.#whole(length, sink)) return;
    if (length <= copyLimit) {
      this.#data(Buffer.from((this.#buffer ?? empty).subarray(0, length)));
    } else {
      this.#large(length, sink);
    }
  }

  /** Hands on a large read where it lies, and reads into the same memory again once it was sent. */
  #large(length: number, sink: ResponseSink | undefined): void {
    const buffer = this.#buffer ?? empty;
    const isFull = length === buffer.length;
    this.#data(buffer.subarray(0, length));
    if (isFull) this.#readBytes = largeReadBytes;
    const isFree = sink?.answerSent === true && this.#pending.length === 0;
    if (!isFree || (isFull && buffer.length < largeReadBytes)) this.#buffer = undefined;
    if (this.#sink === undefined) this.#shrink();
  }

  /** An idle connection keeps little memory. */
  #shrink(): void {
    this.#readBytes = smallReadBytes;
    if (this.#buffer !== undefined && this.#buffer.length > smallReadBytes)
      this.#buffer = undefined;
  }

  /** Hands on an answer that came in one piece, as most do, without a copy; false for any other. */
  #whole(length: number, sink: ResponseSink): boolean {
    const result = heads.parse(this.#buffer ?? empty, length, this.#isHead);
    if (result.kind !== 'head') return false;
    const { head, end, text } = result;
    if (head.status < 200 || !isWhole(head.framing, length - end)) return false;
    this.#answered = true;
    this.#head = head;
    sink.responseHead(head);
    if (end < length && this.#sink === sink) sink.responseText(text.slice(end));
    if (this.#sink === sink) this.#complete(true);
    return true;
  }

  #data(chunk: Buffer): void {
    const sink = this.#sink;
    if (sink === undefined || this.#sentBytes === 0) {
      this.#malformed = 'it sent bytes that nobody asked for';
      this.#giveUp();
      return;
    }
    this.#answered = true;
    if (this.#tunnel) {
      sink.responseData([chunk], chunk.length);
      return;
    }
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = empty;
    const at = this.#head === undefined ? this.#heads(bytes, sink) : 0;
    if (at < 0 || this.#sink !== sink) return;
    this.#take(bytes, at, sink);
  }

  /** Reads heads until the final one; returns the offset after it, or -1 while there is none. */
  #heads(bytes: Buffer, sink: ResponseSink): number {
    let rest = bytes;
    for (;;) {
      const result = heads.parse(rest, rest.length, this.#isHead);
      if (result.kind === 'incomplete') {
        this.#pending = rest;
        return -1;
      }
      if (result.kind === 'malformed') return this.#break(result.detail);
      const { head, end } = result;
      if (head.status >= 200 || head.status === 101) {
        this.#head = head;
        this.#body = new BodyDecoder(head.framing);
        this.#tunnel = head.status === 101;
        sink.responseHead(head);
        return this.#sink === sink ? end + bytes.length - rest.length : -1;
      }
      this.#interimBytes += end;
      if (this.#interimBytes > interimLimit)
        return this.#break('it sends interim answers without end');
      sink.interim(head);
      if (this.#sink !== sink) return -1;
      rest = rest.subarray(end);
      if (rest.length === 0) return -1;
    }
  }

  #take(bytes: Buffer, from: number, sink: ResponseSink): void {
    if (this.#tunnel) {
      if (from < bytes.length) sink.responseData([bytes.subarray(from)], bytes.length - from);
      return;
    }
    const body = this.#body as BodyDecoder;
    const parts: Buffer[] = [];
    const end = body.decode(bytes, from, parts);
    if (body.failed) {
      this.#break('the chunked framing of its body is malformed');
      return;
    }
    let size = 0;
    for (const part of parts) size += part.length;
    if (size > 0) sink.responseData(parts, size);
    if (this.#sink !== sink) return;
    if (body.done) this.#complete(end === bytes.length);
    else sink.responseFlush();
  }

  #complete(clean: boolean): void {
    const sink = this.#sink as ResponseSink;
    const head = this.#head as ResponseHead;
    const reusable = clean && head.keepAlive && this.#requestComplete && this.usable;
    this.#sink = undefined;
    this.#sentBytes = 0;
    this.#used = true;
    if (reusable) {
      this.keepAliveSeconds = head.keepAliveSeconds;
      if (this.#paused) this.resume();
      this.#home.idle(this);
    } else {
      this.#giveUp();
    }
    sink.responseEnd();
  }

  #break(detail: string): -1 {
    this.#malformed = detail;
    this.#giveUp();
    return -1;
  }

  #end(): void {
    this.#ending = true;
    const sink = this.#sink;
    const closes = this.#tunnel || this.#head?.framing.kind === 'close';
    if (sink === undefined || !closes || this.#head === undefined) return;
    this.#sink = undefined;
    this.#giveUp();
    sink.responseEnd();
  }

  #close(): void {
    this.#ending = true;
    this.#home.lost(this);
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#sink = undefined;
    sink.upstreamFailed(this.#failure());
  }

  #failure(): UpstreamFailure {
    const error = this.#error;
    const refusedWrite = error?.syscall === 'write' && this.#sentBytes <= atomicWriteBytes;
    return {
      phase: this.#established ? 'exchange' : 'dial',
      unsent: this.#sentBytes === 0 || (refusedWrite && !this.#answered),
      stale: this.#used && !this.#answered,
      malformed: this.#malformed !== '',
      reason: this.#malformed || error?.code || 'the connection was closed',
    };
  }
}
