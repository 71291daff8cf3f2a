import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names the folder that the pods in here belong to. */
const signature = '.home';

/**
 * Where pods' folders are when users of their own cannot reach the agent's: one folder for each agent
 * of the host, signed with the agent's own folder so that what belongs to a removed one can go.
 */
export class PublicFolder {
  readonly path: string;
  readonly #parent: string;
  readonly #home: string;

  constructor(parent: string, home: string, instance: string) {
    this.path = join(parent, instance);
    this.#parent = parent;
    this.#home = home;
  }

  sign(): void {
    writeFileSync(join(this.path, signature), this.#home, { mode: 0o600 });
  }

  /** Removes what agents left whose own folder is gone. */
  sweep(): void {
    if (!existsSync(this.#parent) || process.getuid?.() !== 0) return;
    for (const entry of readdirSync(this.#parent)) {
      const file = join(this.#parent, entry, signature);
      if (!existsSync(file) || existsSync(readFileSync(file, 'utf8'))) continue;
      rmSync(join(this.#parent, entry), { recursive: true, force: true });
    }
  }

  /** Removes this agent's own, where there are no pods any more. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
