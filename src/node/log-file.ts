import { existsSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { logTime, RecordSplitter, type Stream } from './log-line.ts';

export interface LogFileOptions {
  readonly path: string;
  /** A file that has reached this size is put aside as `path.1`, that one as `path.2`, … */
  readonly maxBytes?: number;
  readonly maxFiles?: number;
}

const defaultMaxBytes = 10 * 2 ** 20;
const defaultMaxFiles = 3;
/** Above this much that is not yet on disk, the container's output is not read. */
export const logHighWater = 2 ** 20;

/**
 * The log of one start of a container: writes records, rotates, wakes those who follow.
 *
 * Invariants:
 * 1. Records are written whole, in the order of `write`.
 * 2. `rotations` grows only when all of the old file is on disk; a reader that has read it to its end
 *    goes on at the beginning of the next.
 * 3. A failure to write (disk full) loses records and never stops the container.
 */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #splitters: Readonly<Record<Stream, RecordSplitter>> = {
    stdout: new RecordSplitter('stdout'),
    stderr: new RecordSplitter('stderr'),
  };
  readonly #waiting = new Set<() => void>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #work: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #size = 0;
  #rotations = 0;
  #ended = false;

  constructor(options: LogFileOptions) {
    this.#path = options.path;
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.#maxFiles = options.maxFiles ?? defaultMaxFiles;
  }

  get path(): string {
    return this.#path;
  }

  get rotations(): number {
    return this.#rotations;
  }

  /** True once everything is on disk and nothing more will come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes output; false when the source should rest until `drained`. */
  write(stream: Stream, chunk: Buffer): boolean {
    this.#queue(this.#splitters[stream].push(chunk, logTime()));
    return this.#pendingBytes < logHighWater;
  }

  /** Resolves when what was written is on disk. */
  drained(): Promise<void> {
    return this.#work ?? Promise.resolve();
  }

  /** The output is over. */
  async end(): Promise<void> {
    for (const splitter of Object.values(this.#splitters)) this.#queue(splitter.end(logTime()));
    await this.release();
  }

  /** Writes what it has and lets go of the file, which another writer goes on with. */
  async release(): Promise<void> {
    await this.drained();
    await this.#handle?.close();
    this.#handle = undefined;
    this.#ended = true;
    this.#wake();
  }

  /** Resolves at the next change of the file, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted || this.#ended) return done();
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #queue(records: readonly Buffer[]): void {
    for (const record of records) {
      this.#pending.push(record);
      this.#pendingBytes += record.length;
    }
    if (this.#pending.length === 0) return;
    this.#work ??= this.#flush().finally(() => {
      this.#work = undefined;
    });
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const data = Buffer.concat(this.#pending);
      this.#pending = [];
      this.#pendingBytes = 0;
      try {
        await this.#append(data);
      } catch {
        // Invariant 3: nobody can be told on this path but the disk's owner, who knows.
        await this.#handle?.close().catch(() => undefined);
        this.#handle = undefined;
      }
      this.#wake();
    }
  }

  async #append(data: Buffer): Promise<void> {
    if (this.#handle === undefined) {
      this.#handle = await open(this.#path, 'a', 0o600);
      this.#size = (await this.#handle.stat()).size;
    }
    if (this.#size > 0 && this.#size + data.length > this.#maxBytes) await this.#rotate();
    await this.#handle.appendFile(data);
    this.#size += data.length;
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close();
    for (let index = this.#maxFiles - 2; index >= 0; index--) {
      const from = logPath(this.#path, index);
      if (existsSync(from)) await rename(from, logPath(this.#path, index + 1));
    }
    this.#handle = await open(this.#path, 'a', 0o600);
    this.#size = 0;
    this.#rotations += 1;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** Where the file is that was put aside `index` rotations ago (0: the present one). */
export function logPath(path: string, index: number): string {
  return index === 0 ? path : `${path}.${index}`;
}
