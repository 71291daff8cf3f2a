import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { logTime, RecordSplitter, type Stream } from './log-line.ts';

export interface LogFileOptions {
  readonly path: string;
  /** A file that has reached this size is put aside as `path.1`, that one as `path.2`, … */
  readonly maxBytes?: number;
  readonly maxFiles?: number;
}

const defaultMaxBytes = 10 * 2 ** 20;
const defaultMaxFiles = 3;

/**
 * The log of one start of a container: writes records, rotates, wakes those who follow.
 *
 * Writes are synchronous: what has left the pipe is in the file when the agent is killed, and it goes
 * to the page cache in microseconds.
 *
 * Invariants:
 * 1. Records are written whole, in the order of `write`.
 * 2. `rotations` grows only when all of the old file is written; a reader that has read it to its end
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
  #fd: number | undefined;
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

  /** True once nothing more will be written here. */
  get ended(): boolean {
    return this.#ended;
  }

  write(stream: Stream, chunk: Buffer): void {
    this.#append(this.#splitters[stream].push(chunk, logTime()));
  }

  /** The output is over. */
  end(): void {
    if (this.#ended) return;
    for (const splitter of Object.values(this.#splitters)) this.#append(splitter.end(logTime()));
    this.release();
  }

  /** Lets go of the file, which another writer goes on with. */
  release(): void {
    this.#close();
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

  #append(records: string): void {
    if (records === '' || this.#ended) return;
    const data = Buffer.from(records, 'latin1');
    try {
      if (this.#size > 0 && this.#size + data.length > this.#maxBytes) this.#rotate();
      this.#fd ??= this.#open();
      for (let at = 0; at < data.length;) at += writeSync(this.#fd, data, at);
      this.#size += data.length;
    } catch {
      // Invariant 3: nobody can be told on this path but the disk's owner, who knows.
      this.#close();
    }
    this.#wake();
  }

  #open(): number {
    const fd = openSync(this.#path, 'a', 0o600);
    this.#size = fstatSync(fd).size;
    return fd;
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #rotate(): void {
    this.#close();
    for (let index = this.#maxFiles - 2; index >= 0; index--) {
      const from = logPath(this.#path, index);
      if (existsSync(from)) renameSync(from, logPath(this.#path, index + 1));
    }
    this.#fd = this.#open();
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
