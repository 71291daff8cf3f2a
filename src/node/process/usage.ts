import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerUsage } from '../runtime.ts';
import type { Cgroup } from './cgroups.ts';

/** What the kernel's groups tell of a container; the rest is added up over its processes. */
export interface GroupUsage {
  readonly cpuNanos: number | undefined;
  readonly workingSetBytes: number | undefined;
}

/** One folder of a container's cgroup. */
export interface UsageFolder {
  readonly version: 1 | 2;
  readonly folder: string;
}

/** Ticks of /proc/PID/stat: USER_HZ, 100 on every architecture that Node.js runs on. */
const nanosPerTick = 10_000_000;
const bytesPerKilobyte = 1024;

/** Reads the counters of cgroup v1 (where cpuacct is mounted with cpu) and v2. */
export async function readGroupUsage(folders: readonly UsageFolder[]): Promise<GroupUsage> {
  const all = await Promise.all(folders.map(readFolder));
  return {
    cpuNanos: all.find(({ cpuNanos }) => cpuNanos !== undefined)?.cpuNanos,
    workingSetBytes: all.find((one) => one.workingSetBytes !== undefined)?.workingSetBytes,
  };
}

async function readFolder({ version, folder }: UsageFolder): Promise<GroupUsage> {
  const text = (file: string): Promise<string> =>
    readFile(join(folder, file), 'utf8').catch(() => '');
  const [cpu, held, stat] = await Promise.all(
    version === 2
      ? [text('cpu.stat'), text('memory.current'), text('memory.stat')]
      : [text('cpuacct.usage'), text('memory.usage_in_bytes'), text('memory.stat')],
  );
  const inactive = version === 2 ? /^inactive_file (\d+)$/m : /^total_inactive_file (\d+)$/m;
  const micros = /^usage_usec (\d+)$/m.exec(cpu)?.[1];
  const v2Nanos = micros === undefined ? undefined : Number(micros) * 1000;
  const v1Nanos = cpu === '' ? undefined : Number(cpu);
  return {
    cpuNanos: version === 2 ? v2Nanos : v1Nanos,
    // As the kubelet counts it: what could not be given back without a thought is in use.
    workingSetBytes:
      held === '' ? undefined : Math.max(0, Number(held) - Number(inactive.exec(stat)?.[1] ?? 0)),
  };
}

/**
 * What a container has used since its start: from its cgroup as far as that tells, else from /proc.
 *
 * Memory that processes had before they were moved into the group (most of a function server's own)
 * stays counted elsewhere: what they hold for themselves is the least that is told.
 *
 * Undefined where neither is to be had, and when nothing of it runs any more.
 */
export async function containerUsage(
  root: number,
  cgroup: Cgroup | undefined,
): Promise<ContainerUsage | undefined> {
  if (process.platform !== 'linux') return undefined;
  const [counted = nothing, grouped = [], tree] = await Promise.all([
    cgroup?.usage(),
    cgroup?.pids(),
    descendants(root),
  ]);
  const used = await processUsage([...new Set([...tree, ...grouped])]);
  if (used === undefined) return undefined;
  const { cpuNanos, workingSetBytes } = counted;
  return {
    at: Date.now(),
    cpuNanos: cpuNanos ?? used.cpuNanos,
    workingSetBytes:
      workingSetBytes === undefined ? used.residentBytes : Math.max(workingSetBytes, used.ownBytes),
  };
}

const nothing: GroupUsage = { cpuNanos: undefined, workingSetBytes: undefined };

interface ProcessUsage {
  /** Of the processes, and of those that they have waited for. */
  readonly cpuNanos: number;
  /** All that is in memory, copies of files and what is shared included. */
  readonly residentBytes: number;
  /** Without copies of files. */
  readonly ownBytes: number;
}

/** Undefined when none of the processes is left. */
async function processUsage(pids: readonly number[]): Promise<ProcessUsage | undefined> {
  const read = await Promise.all(
    pids.map(async (pid) => ({
      stat: await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
      status: await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
    })),
  );
  const found = read.filter(({ stat }) => stat !== '');
  if (found.length === 0) return undefined;
  const sum = (part: (one: (typeof found)[number]) => number): number =>
    found.reduce((total, one) => total + part(one), 0);
  return {
    cpuNanos: sum(({ stat }) => ticksOf(stat)) * nanosPerTick,
    residentBytes: sum(({ status }) => bytesOf(status, 'VmRSS')),
    ownBytes: sum(({ status }) => bytesOf(status, 'RssAnon') + bytesOf(status, 'RssShmem')),
  };
}

function bytesOf(status: string, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm');
  return Number(line.exec(status)?.[1] ?? 0) * bytesPerKilobyte;
}

/** utime, stime, cutime and cstime of /proc/PID/stat (proc_pid_stat(5)); the name may hold anything. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

async function descendants(root: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let fresh = [root]; fresh.length > 0;) {
    found.push(...fresh);
    fresh = (await Promise.all(fresh.map(childrenOf))).flat();
  }
  return found;
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
