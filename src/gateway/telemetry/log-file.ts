import { type FileHandle, open, rename, stat } from 'node:fs/promises';

/** Where lines of an access log go. */
export interface LogSink extends AsyncDisposable {
  /** Resolves when the bytes are written; one write at a time. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface LogFileOptions {
  readonly path: string;
  /** The file is set aside before it grows beyond this. */
  readonly limitBytes: number;
  /** Files that are kept beside the newest: `PATH.1` is the one before. */
  readonly kept: number;
}

/**
 * A file that lines are appended to.
 *
 * Set aside by size; and opened anew when it was moved or removed by others (logrotate), which is
 * noticed with the next write: nobody has to send a signal.
 */
export class LogFile implements LogSink {
  readonly #options: LogFileOptions;
  #file: { readonly handle: FileHandle; readonly inode: number; size: number } | undefined;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { path, limitBytes } = this.#options;
    if (this.#file !== undefined && !(await this.#isInPlace(this.#file.inode))) await this.#close();
    let file = (this.#file ??= await this.#open());
    if (file.size > 0 && file.size + bytes.length > limitBytes) {
      await this.#close();
      await setAside(path, this.#options.kept);
      file = this.#file = await this.#open();
    }
    file.size += bytes.length;
    await file.handle.appendFile(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #open(): Promise<{ handle: FileHandle; inode: number; size: number }> {
    const handle = await open(this.#options.path, 'a', 0o600);
    const { ino: inode, size } = await handle.stat();
    return { handle, inode, size };
  }

  async #isInPlace(inode: number): Promise<boolean> {
    try {
      return (await stat(this.#options.path)).ino === inode;
    } catch {
      return false;
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }
}

/** PATH becomes PATH.1, PATH.1 becomes PATH.2; the last one goes. */
async function setAside(path: string, kept: number): Promise<void> {
  const nameOf = (index: number): string => (index === 0 ? path : `${path}.${index}`);
  for (let index = kept - 1; index >= 0; index -= 1) {
    await rename(nameOf(index), nameOf(index + 1)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}
