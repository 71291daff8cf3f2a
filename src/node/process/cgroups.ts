import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { killQuietly } from './strays.ts';
import { type GroupUsage, readGroupUsage } from './usage.ts';

export interface CgroupLimits {
  readonly memoryBytes: number | undefined;
  readonly milliCpu: number | undefined;
}

/** The cgroup of one container. */
export interface Cgroup {
  /** Moves a process and all its descendants in; each write takes 6 to 11 ms in the kernel. */
  join(pid: number): Promise<void>;
  /** How many processes were killed because memory ran out. */
  oomKills(): number;
  /** What it has used, as far as its controllers count it. */
  usage(): Promise<GroupUsage>;
  pids(): Promise<readonly number[]>;
  /** Kills until it is empty. */
  kill(): Promise<void>;
  /** Removes an empty cgroup; what is left is removed by the next agent. */
  remove(): Promise<void>;
}

type Controller = 'memory' | 'pids' | 'cpu';
const controllers: readonly Controller[] = ['memory', 'pids', 'cpu'];
/** Stops a fork bomb long before the host suffers. */
const pidsLimit = 1024;
const cpuPeriodMicros = 100_000;
const killDeadlineMs = 5000;
const pollMs = 10;

interface Hierarchy {
  readonly version: 1 | 2;
  readonly folder: string;
  readonly controllers: readonly Controller[];
}

interface Place {
  readonly hierarchy: Hierarchy;
  readonly folder: string;
}

/** The cgroup hierarchies in which this process may make groups; empty when there are none. */
export class Cgroups {
  readonly #hierarchies: readonly Hierarchy[];

  private constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies;
  }

  /** Finds out what is writable and makes a group `nought-<instance>` to hold all others. */
  static open(instance: string): Cgroups {
    if (process.platform !== 'linux') return new Cgroups([]);
    return new Cgroups(findHierarchies(`nought-${instance}`));
  }

  limits(controller: Controller): boolean {
    return this.#hierarchies.some((each) => each.controllers.includes(controller));
  }

  /** The group of that name, made if need be; undefined where cgroups are not to be had. */
  group(name: string, limits: CgroupLimits): Cgroup | undefined {
    if (this.#hierarchies.length === 0) return undefined;
    const folders = this.#hierarchies.map((hierarchy) => {
      const folder = join(hierarchy.folder, name);
      mkdirSync(folder, { recursive: true });
      setLimits(hierarchy, folder, limits);
      return { hierarchy, folder };
    });
    return new Group(folders);
  }

  /** Names of the groups that exist. */
  async names(): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const { folder } of this.#hierarchies) {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) found.add(entry.name);
      }
    }
    return [...found];
  }

  /** Removes the holding group if nothing is in it. */
  close(): void {
    for (const { folder } of this.#hierarchies) removeQuietly(folder);
  }
}

class Group implements Cgroup {
  readonly #places: readonly Place[];

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  async join(pid: number): Promise<void> {
    await Promise.all(
      this.#places.map(async ({ folder }) => {
        const procs = join(folder, 'cgroup.procs');
        const joined = new Set<number>();
        // Children that were forked before their parent was moved have to follow it.
        for (let fresh = [pid]; fresh.length > 0;) {
          for (const each of fresh) {
            joined.add(each);
            await writeFile(procs, String(each)).catch(() => undefined);
          }
          fresh = (await Promise.all([...joined].map(children))).flat();
          fresh = fresh.filter((each) => !joined.has(each));
        }
      }),
    );
  }

  oomKills(): number {
    const memory = this.#places.find((each) => each.hierarchy.controllers.includes('memory'));
    if (memory === undefined) return 0;
    const file = memory.hierarchy.version === 1 ? 'memory.oom_control' : 'memory.events';
    try {
      const text = readFileSync(join(memory.folder, file), 'utf8');
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  usage(): Promise<GroupUsage> {
    return readGroupUsage(
      this.#places.map(({ hierarchy: { version }, folder }) => ({ version, folder })),
    );
  }

  async pids(): Promise<readonly number[]> {
    const found = new Set<number>();
    for (const { folder } of this.#places) {
      const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (line !== '') found.add(Number(line));
    }
    found.delete(process.pid);
    return [...found];
  }

  async kill(): Promise<void> {
    const deadline = performance.now() + killDeadlineMs;
    for (;;) {
      const pids = await this.pids();
      if (pids.length === 0 || performance.now() > deadline) return;
      for (const pid of pids) killQuietly(pid);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async remove(): Promise<void> {
    for (const { folder } of this.#places) {
      // A group whose last process has just died may be busy for a moment.
      for (let tries = 0; tries < 20 && !removeQuietly(folder); tries++) {
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    }
  }
}

async function children(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

function findHierarchies(name: string): readonly Hierarchy[] {
  const unified = '/sys/fs/cgroup';
  if (existsSync(join(unified, 'cgroup.controllers'))) return findV2(join(unified, name), unified);
  const own = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  return controllers.flatMap((controller) => {
    const line = own.find((each) => each.split(':')[1]?.split(',').includes(controller));
    const root = join(unified, controller);
    const under = join(root, line?.split(':')[2] ?? '/');
    // Inside of a container the path may be the host's, and the mount the container's own.
    const parent = existsSync(under) ? under : root;
    const folder = join(parent, name);
    return line !== undefined && makeQuietly(folder)
      ? [{ version: 1 as const, folder, controllers: [controller] }]
      : [];
  });
}

function findV2(folder: string, root: string): readonly Hierarchy[] {
  if (!makeQuietly(folder)) return [];
  for (const parent of [root, folder]) {
    for (const controller of controllers) {
      writeQuietly(join(parent, 'cgroup.subtree_control'), `+${controller}`);
    }
  }
  const given = readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8').trim().split(' ');
  return [{ version: 2, folder, controllers: controllers.filter((each) => given.includes(each)) }];
}

function setLimits(hierarchy: Hierarchy, folder: string, limits: CgroupLimits): void {
  const { version } = hierarchy;
  const set = (controller: Controller, file: string, value: string): void => {
    if (hierarchy.controllers.includes(controller)) writeQuietly(join(folder, file), value);
  };
  set('pids', 'pids.max', String(pidsLimit));
  if (limits.memoryBytes !== undefined) {
    const bytes = String(limits.memoryBytes);
    set('memory', version === 1 ? 'memory.limit_in_bytes' : 'memory.max', bytes);
    if (version === 2) set('memory', 'memory.swap.max', '0');
    else set('memory', 'memory.memsw.limit_in_bytes', bytes);
  }
  if (limits.milliCpu !== undefined) {
    const quota = Math.max(1000, Math.round((limits.milliCpu / 1000) * cpuPeriodMicros));
    if (version === 2) set('cpu', 'cpu.max', `${quota} ${cpuPeriodMicros}`);
    else set('cpu', 'cpu.cfs_quota_us', String(quota));
  }
}

function makeQuietly(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    return existsSync(join(folder, 'cgroup.procs'));
  } catch {
    return false;
  }
}

function writeQuietly(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // The kernel does not have this limit, or does not let us set it: the next best stays.
  }
}

function removeQuietly(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
