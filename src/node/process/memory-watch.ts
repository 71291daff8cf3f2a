import { readFile } from 'node:fs/promises';

const periodMs = 1000;

interface Watched {
  readonly pid: number;
  readonly limitBytes: number;
  readonly exceeded: () => void;
}

/**
 * Memory limits where there is no memory cgroup: once a second it adds up what the processes of a
 * container hold. Slower than the kernel, and blind to processes that left their parent.
 */
export class MemoryWatch {
  readonly #watched = new Set<Watched>();
  #looking = false;

  /** Calls `exceeded` once when the process and its descendants hold more; returns an end to that. */
  watch(watched: Watched): () => void {
    this.#watched.add(watched);
    if (!this.#looking) this.#lookLater();
    return () => this.#watched.delete(watched);
  }

  async #look(): Promise<void> {
    for (const watched of this.#watched) {
      if ((await heldBy(watched.pid, watched.limitBytes)) <= watched.limitBytes) continue;
      if (this.#watched.delete(watched)) watched.exceeded();
    }
    this.#looking = false;
    if (this.#watched.size > 0) this.#lookLater();
  }

  #lookLater(): void {
    this.#looking = true;
    setTimeout(() => void this.#look(), periodMs).unref();
  }
}

/** Bytes of the process and its descendants; shared pages are divided only where that decides. */
async function heldBy(root: number, limitBytes: number): Promise<number> {
  const pids: number[] = [];
  for (let fresh = [root]; fresh.length > 0;) {
    pids.push(...fresh);
    fresh = (await Promise.all(fresh.map(children))).flat();
  }
  const resident = await sum(pids, 'status', /^VmRSS:\s+(\d+) kB$/m);
  return resident <= limitBytes ? resident : sum(pids, 'smaps_rollup', /^Pss:\s+(\d+) kB$/m);
}

async function sum(pids: readonly number[], file: string, line: RegExp): Promise<number> {
  const texts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
  );
  return texts.reduce((bytes, text) => bytes + Number(line.exec(text)?.[1] ?? 0) * 1024, 0);
}

async function children(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
