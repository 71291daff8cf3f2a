import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';

/** What is left of the host, and of how much; undefined where it cannot be found out. */
export interface HostRoom {
  readonly memory: Room | undefined;
  /** Of the file system that holds the pods' files. */
  readonly disk: Room | undefined;
  readonly inodes: Room | undefined;
  readonly processes: Room | undefined;
}

interface Room {
  readonly free: number;
  readonly total: number;
}

export const pressureTypes = ['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;
export type PressureType = (typeof pressureTypes)[number];

/** `unknown` where this host does not tell. */
export type Pressure = 'short' | 'enough' | 'unknown';

/** A shortage counts until it has been over for so long, as each change of it moves pods. */
const holdMs = 60_000;
const mebibyte = 2 ** 20;
/** A resource is short when less is left than this share, and less than this much. */
const limits = {
  memory: { share: 0.05, least: 100 * mebibyte },
  disk: { share: 0.1, most: 1024 * mebibyte },
  inodes: { share: 0.05 },
  processes: { share: 0.1 },
} as const;

/**
 * What a node is short of.
 *
 * The kubelet's conditions; its thresholds (kubernetes.io/docs/concepts/scheduling-eviction/
 * node-pressure-eviction) but for a disk, which is short only below 1 GiB however large it is, and
 * for memory, where what matters for a host that runs other things too is 5 %.
 */
export class NodePressure {
  readonly #shortUntil = new Map<PressureType, number>();

  /** Takes a look at the host at a monotonic time. */
  observe(room: HostRoom, nowMs: number): ReadonlyMap<PressureType, Pressure> {
    return new Map(pressureTypes.map((type) => [type, this.#judge(type, room, nowMs)]));
  }

  #judge(type: PressureType, room: HostRoom, nowMs: number): Pressure {
    const seen = pressureOf(type, room);
    if (seen === 'short') this.#shortUntil.set(type, nowMs + holdMs);
    return nowMs < (this.#shortUntil.get(type) ?? Number.NEGATIVE_INFINITY) ? 'short' : seen;
  }
}

function pressureOf(type: PressureType, { memory, disk, inodes, processes }: HostRoom): Pressure {
  switch (type) {
    case 'MemoryPressure':
      return judge(memory, ({ total }) =>
        Math.max(limits.memory.least, total * limits.memory.share),
      );
    case 'DiskPressure': {
      const bytes = judge(disk, ({ total }) =>
        Math.min(limits.disk.most, total * limits.disk.share),
      );
      const files = judge(inodes, ({ total }) => total * limits.inodes.share);
      return files === 'short' ? 'short' : bytes;
    }
    case 'PIDPressure':
      return judge(processes, ({ total }) => total * limits.processes.share);
  }
}

function judge(room: Room | undefined, leastOf: (room: Room) => number): Pressure {
  if (room === undefined) return 'unknown';
  return room.free < leastOf(room) ? 'short' : 'enough';
}

/** Looks at the host and the file system of a folder. */
export async function hostRoom(folder: string): Promise<HostRoom> {
  const stats = await statfs(folder).catch(() => undefined);
  return {
    memory: { free: process.availableMemory(), total: totalmem() },
    disk: stats && { free: stats.bavail * stats.bsize, total: stats.blocks * stats.bsize },
    // Some file systems make inodes as they need them and tell of none.
    inodes: stats && stats.files > 0 ? { free: stats.ffree, total: stats.files } : undefined,
    processes: processRoom(),
  };
}

/** Threads count as processes do; proc_loadavg(5) says how many there are. */
function processRoom(): Room | undefined {
  try {
    const total = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
    const used = Number(/\/(\d+)/.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1]);
    return total > 0 && used > 0 ? { free: total - used, total } : undefined;
  } catch {
    return undefined;
  }
}
