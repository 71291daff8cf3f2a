import type { Log } from '../../lib/log.ts';
import { type Access, type AccessLogFormat, accessLine } from './access-line.ts';
import { LogFile, type LogSink } from './log-file.ts';

export interface AccessLogOptions {
  readonly format: AccessLogFormat;
  /** A file; undefined for the standard output. */
  readonly path: string | undefined;
  /** Size at which the file is set aside; bytes. */
  readonly limitBytes?: number;
  /** Files that are kept beside the newest. */
  readonly kept?: number;
}

const defaultLimitBytes = 100 * 1024 * 1024;
const defaultKept = 3;
/** Lines are gathered for this long, so that many share one write; milliseconds. */
const gatherMs = 200;
/** Lines are gathered in pieces of this size; a full one is written without waiting. */
const pieceBytes = 64 * 1024;
/** More than this does not wait for a disk that is slow: lines are dropped, and counted. */
const pendingLimitBytes = 4 * 1024 * 1024;

/** Lines that are to be written together. */
class Piece {
  readonly #bytes: Buffer;
  #used = 0;
  lines = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** False when there is no room for the line. */
  add(line: string): boolean {
    if (this.#used + line.length > this.#bytes.length) return false;
    this.#used += this.#bytes.write(line, this.#used, 'latin1');
    this.lines += 1;
    return true;
  }
}

/**
 * Writes one line per request, beside the requests and never in their way.
 *
 * Invariants:
 * 1. What waits to be written is bounded; lines beyond that are dropped and counted.
 * 2. One write is under way at a time; lines come in the order in which requests ended.
 * 3. What was taken is written when it closes, unless the file cannot be written.
 */
export class AccessLog implements AsyncDisposable {
  readonly #format: AccessLogFormat;
  readonly #sink: LogSink;
  readonly #log: Log;
  /** Gathers lines as bytes at once: as text they would wait in pieces that each collection of garbage has to walk. */
  #piece: Piece | undefined;
  #full: Piece[] = [];
  #fullBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failing = false;
  /** Lines that were written, and that were not as the disk was too slow or refused them. */
  written = 0;
  dropped = 0;

  constructor(options: AccessLogOptions, log: Log) {
    const { path, limitBytes = defaultLimitBytes, kept = defaultKept } = options;
    this.#format = options.format;
    this.#log = log;
    this.#sink = path === undefined ? standardOutput : new LogFile({ path, limitBytes, kept });
  }

  add(access: Access): void {
    if (this.#fullBytes >= pendingLimitBytes) {
      this.dropped += 1;
      return;
    }
    const line = accessLine(access, this.#format);
    this.#piece ??= new Piece(Math.max(pieceBytes, line.length));
    if (!this.#piece.add(line)) {
      this.#complete(this.#piece);
      this.#piece = new Piece(Math.max(pieceBytes, line.length));
      this.#piece.add(line);
      this.#begin();
    } else if (this.#writing === undefined) {
      this.#timer ??= setTimeout(() => this.#begin(), gatherMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#begin();
    await this.#writing;
    await this.#sink[Symbol.asyncDispose]();
  }

  #complete(piece: Piece): void {
    this.#full.push(piece);
    this.#fullBytes += piece.written.length;
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) {
      const { written: bytes, lines } = piece;
      try {
        await this.#sink.write(bytes);
        this.written += lines;
        this.#failing = false;
      } catch (error) {
        this.dropped += lines;
        if (!this.#failing) {
          this.#log.error('Cannot write the access log; its lines are dropped', {
            error: String(error),
          });
        }
        this.#failing = true;
      }
      this.#fullBytes -= bytes.length;
    }
  }

  /** The oldest lines that wait; undefined for none. */
  #next(): Piece | undefined {
    if (this.#full.length === 0 && this.#piece !== undefined) {
      this.#complete(this.#piece);
      this.#piece = undefined;
    }
    return this.#full.shift();
  }
}

const standardOutput: LogSink = {
  write: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
      });
    }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
