import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const batch = 64;
const lowWater = 24;

/**
 * Named pipes made in advance, because Node cannot make one and calling `mkfifo` takes longer than a
 * start may.
 */
export class FifoStock {
  readonly #folder: string;
  #ready: string[] = [];
  #made = 0;
  #refill: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
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
