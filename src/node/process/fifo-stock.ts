import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const batch = 64;
const lowWater = 24;

/**
 * Named pipes made in advance, because Node cannot make one and calling `mkfifo` takes longer than a
 * start may.
 */
export class FifoStock implements AsyncDisposable {
  readonly #parent: string;
  readonly #folder: string;
  #ready: string[] = [];
  #made = 0;
  #refill: Promise<void> | undefined;

  /** Keeps them in `parent`, and removes what an earlier one left there. */
  constructor(parent: string) {
    this.#parent = parent;
    rmSync(parent, { recursive: true, force: true });
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    // The earlier one may be making pipes still.
    this.#folder = mkdtempSync(join(parent, 'stock-'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#refill?.catch(() => undefined);
    rmSync(this.#parent, { recursive: true, force: true });
  }

  /** Puts a named pipe at each of the paths, which must be on the same file system. */
  async take(paths: readonly string[]): Promise<void> {
    while (this.#ready.length < paths.length) await this.fill();
    for (const path of paths) renameSync(this.#ready.pop() as string, path);
    if (this.#ready.length < lowWater) this.fill().catch(() => undefined);
  }

  /** Makes more pipes; one call at a time. */
  fill(): Promise<void> {
    this.#refill ??= this.#make().finally(() => {
      this.#refill = undefined;
    });
    return this.#refill;
  }

  async #make(): Promise<void> {
    const paths = Array.from({ length: batch }, () => join(this.#folder, String(this.#made++)));
    await run('mkfifo', ['-m', '600', ...paths]);
    this.#ready.push(...paths);
  }
}
