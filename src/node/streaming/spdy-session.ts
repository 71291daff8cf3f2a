import { Duplex } from 'node:stream';
import { SpdyHeaders } from './spdy-headers.ts';

const headBytes = 8;
const version = 3;
const controlBit = 0x8000;
const finFlag = 1;
const idMask = 0x7fffffff;
/** Frame types of SPDY/3.1 (section 2.6 of the draft). */
const frames = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
/** Why a stream is reset (section 2.6.3). */
export const resetReasons = { protocolError: 1, refused: 3, cancel: 5 } as const;
/** Larger frames than clients ever send: pieces of 32 KiB and small heads. */
const maxFrameBytes = 1 << 20;
const maxStreams = 256;
/** What waits in a stream before its connection is read no further. */
const streamBufferBytes = 256 * 1024;
const largestWrite = 64 * 1024;

/** One stream of a connection; its sides end apart from each other. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #session: SpdySession;
  #room: (() => void) | undefined;

  constructor(session: SpdySession, id: number, headers: ReadonlyMap<string, string>) {
    super({ readableHighWaterMark: streamBufferBytes, allowHalfOpen: true });
    this.#session = session;
    this.id = id;
    this.headers = headers;
    this.on('error', () => undefined);
  }

  /** Hands in what has come; resolves when there is room for more. */
  async deliver(bytes: Buffer): Promise<void> {
    if (this.destroyed || this.push(bytes)) return;
    await new Promise<void>((resolve) => (this.#room = resolve));
  }

  override _read(): void {
    this.#goOn();
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error | null) => void): void {
    this.#session.sendData(this.id, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.sendEnd(this.id, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#goOn();
    if (!this.writableFinished) this.#session.reset(this.id, resetReasons.cancel);
    this.#session.forget(this.id);
    done(error);
  }

  #goOn(): void {
    this.#room?.();
    this.#room = undefined;
  }
}

/**
 * The server's side of a SPDY/3.1 connection as Kubernetes' clients use it: they open streams, and
 * there is no flow control but the connection's own.
 *
 * Owns the connection and its streams.
 *
 * Invariants:
 * 1. Frames are taken in one after the other; a stream that is full stops the whole connection.
 * 2. When the connection ends, so does every stream.
 */
export class SpdySession {
  readonly #connection: Duplex;
  readonly #headers = new SpdyHeaders();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #opened: (stream: SpdyStream) => void;

  constructor(connection: Duplex, opened: (stream: SpdyStream) => void) {
    this.#connection = connection;
    this.#opened = opened;
  }

  /** Serves the connection until it has ended. Throws RangeError for what is not SPDY. */
  async run(): Promise<void> {
    try {
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of this.#connection) {
        rest = Buffer.concat([rest, chunk as Buffer]);
        while (rest.length >= headBytes) {
          const end = headBytes + rest.readUIntBE(5, 3);
          if (end > maxFrameBytes) throw new RangeError('A frame is too large');
          if (rest.length < end) break;
          await this.#frame(rest.subarray(0, headBytes), rest.subarray(headBytes, end));
          rest = rest.subarray(end);
        }
      }
    } finally {
      for (const stream of this.#streams.values()) stream.destroy();
      this.#headers.close();
      this.#connection.destroy();
    }
  }

  sendData(id: number, bytes: Buffer, done: (error?: Error | null) => void): void {
    for (let at = 0; at < bytes.length; at += largestWrite) {
      const piece = bytes.subarray(at, at + largestWrite);
      const last = at + largestWrite >= bytes.length;
      this.#send(dataHead(id, 0, piece.length));
      this.#send(piece, last ? done : undefined);
    }
    if (bytes.length === 0) done();
  }

  sendEnd(id: number, done: (error?: Error | null) => void): void {
    this.#send(dataHead(id, finFlag, 0), done);
  }

  reset(id: number, reason: number): void {
    this.#send(control(frames.reset, words(id, reason)));
  }

  forget(id: number): void {
    this.#streams.delete(id);
  }

  #send(bytes: Buffer, done?: (error?: Error | null) => void): void {
    if (this.#connection.writable) this.#connection.write(bytes, done);
    else done?.(new Error('The connection has gone'));
  }

  async #frame(head: Buffer, body: Buffer): Promise<void> {
    const first = head.readUInt16BE(0);
    const ends = ((head[4] ?? 0) & finFlag) !== 0;
    if ((first & controlBit) === 0) {
      const stream = this.#streams.get(head.readUInt32BE(0) & idMask);
      // What was reset on this side may still come for a while.
      if (stream === undefined) return;
      if (body.length > 0) await stream.deliver(Buffer.from(body));
      if (ends) stream.push(null);
      return;
    }
    if ((first & ~controlBit) !== version) throw new RangeError('The connection is not SPDY/3.1');
    switch (head.readUInt16BE(2)) {
      case frames.synStream:
        return this.#open(body, ends);
      case frames.reset:
        this.#streams.get(body.readUInt32BE(0) & idMask)?.destroy();
        return;
      case frames.ping:
        this.#send(Buffer.concat([head, body]));
        return;
      default:
    }
  }

  async #open(body: Buffer, ends: boolean): Promise<void> {
    const id = body.readUInt32BE(0) & idMask;
    // Read even when it is refused: the blocks of a connection are one compressed stream.
    const headers = await this.#headers.unpack(Buffer.from(body.subarray(10)));
    if (this.#streams.has(id)) throw new RangeError(`Stream ${id} is open already`);
    if (this.#streams.size >= maxStreams) return this.reset(id, resetReasons.refused);
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const block = await this.#headers.packNone();
    this.#send(control(frames.synReply, Buffer.concat([words(id), block])));
    if (ends) stream.push(null);
    this.#opened(stream);
  }
}

function control(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(controlBit | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function dataHead(id: number, flags: number, length: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(id, 0);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}
