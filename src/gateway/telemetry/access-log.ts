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
/** At this many characters they are written without waiting. */
const eagerChars = 256 * 1024;
/** More than this does not wait for a disk that is slow: lines are dropped, and counted. */
const pendingLimitChars = 4 * 1024 * 1024;

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
  #pending = '';
  #lines = 0;
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
    if (this.#pending.length >= pendingLimitChars) {
      this.dropped += 1;
      return;
    }
    this.#pending += accessLine(access, this.#format);
    this.#lines += 1;
    if (this.#writing !== undefined) return;
    if (this.#pending.length >= eagerChars) this.#begin();
    else this.#timer ??= setTimeout(() => this.#begin(), gatherMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#begin();
    await this.#writing;
    await this.#sink[Symbol.asyncDispose]();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#lines > 0) {
      const text = this.#pending;
      const lines = this.#lines;
      this.#pending = '';
      this.#lines = 0;
      try {
        await this.#sink.write(text);
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
    }
  }
}

const standardOutput: LogSink = {
  write: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
