import { readdir, readFile } from 'node:fs/promises';

/** Environment variable by which processes of a container are found again: `instance/uid/name/attempt`. */
export const markerVariable = 'NOUGHT_CONTAINER';

/** How long a killed process may take to go. */
const goneDeadlineMs = 5000;
const goneCheckMs = 10;
/** How often and in what distance an empty environment is looked at again. */
const emptyLooks = 5;
const emptyLookMs = 2;

type Marked = ReadonlyMap<string, readonly number[]>;

/**
 * Finds processes by the marker in their environment, whatever session, group or parent they have.
 *
 * Needs /proc: elsewhere nothing is found, and process groups are all there is.
 */
export class Strays {
  readonly #prefix: string;
  #running: Promise<Marked> | undefined;
  #next: Promise<Marked> | undefined;

  /** `instance` separates the pods of different agents on one host. */
  constructor(instance: string) {
    this.#prefix = `${markerVariable}=${instance}/`;
  }

  /** All marked processes of this instance by marker (`uid/name/attempt`). */
  all(): Promise<Marked> {
    // A scan that runs already may have passed what the caller looks for: it needs the next one.
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#start();
    });
    return this.#next;
  }

  #start(): Promise<Marked> {
    const running = scan(this.#prefix).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Looks at all processes, or only at those that are given. */
  async find(marker: string, among?: readonly number[]): Promise<readonly number[]> {
    if (among === undefined) return (await this.all()).get(marker) ?? [];
    const prefix = Buffer.from(this.#prefix);
    const markers = await Promise.all(among.map((pid) => settledMarkerOf(pid, prefix)));
    return among.filter((_, index) => markers[index] === marker);
  }

  /**
   * Kills what carries the marker until nothing is left; gives up after some seconds. Looks only at
   * `candidates` where they are known.
   */
  async kill(marker: string, candidates?: () => Promise<readonly number[]>): Promise<void> {
    const deadline = performance.now() + goneDeadlineMs;
    for (;;) {
      const pids = await this.find(marker, await candidates?.());
      if (pids.length === 0 || performance.now() > deadline) return;
      for (const pid of pids) killQuietly(pid);
      await new Promise((resolve) => setTimeout(resolve, goneCheckMs));
    }
  }
}

/** SIGKILL; a process that is gone is what was wanted. A negative id means a process group. */
export function killQuietly(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

async function scan(prefix: string): Promise<Marked> {
  const found = new Map<string, number[]>();
  if (process.platform !== 'linux') return found;
  const wanted = Buffer.from(prefix);
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const marker = await markerOf(pid, wanted);
    if (marker === undefined) continue;
    const pids = found.get(marker);
    if (pids === undefined) found.set(marker, [pid]);
    else pids.push(pid);
  }
  return found;
}

/** A process that is about to become another program has no environment for a moment. */
async function settledMarkerOf(pid: number, prefix: Buffer): Promise<string | undefined> {
  for (let looks = 0; ; looks += 1) {
    const environ = await readFile(`/proc/${pid}/environ`).catch(() => undefined);
    if (environ === undefined || environ.length > 0) return environ && markerIn(environ, prefix);
    if (looks === emptyLooks) return undefined;
    await new Promise((resolve) => setTimeout(resolve, emptyLookMs));
  }
}

async function markerOf(pid: number, prefix: Buffer): Promise<string | undefined> {
  try {
    // A zombie's environ is empty, so zombies never count.
    const environ = await readFile(`/proc/${pid}/environ`);
    return markerIn(environ, prefix);
  } catch {
    return undefined;
  }
}

function markerIn(environ: Buffer, prefix: Buffer): string | undefined {
  let at = environ.indexOf(prefix);
  while (at > 0 && environ[at - 1] !== 0) at = environ.indexOf(prefix, at + 1);
  if (at < 0) return undefined;
  const end = environ.indexOf(0, at);
  return environ.toString('utf8', at + prefix.length, end < 0 ? undefined : end);
}
