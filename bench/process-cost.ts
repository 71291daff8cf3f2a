import { readFileSync } from 'node:fs';

/** Clock ticks of /proc/PID/stat: USER_HZ is 100 on every Linux that Node runs on. */
const microsPerTick = 10_000;

/** CPU time that a process has used, user and system, in microseconds; steps of 10 ms. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name may hold spaces; what counts from its closing bracket is fixed.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * microsPerTick;
}

export interface ProcessMemory {
  readonly pid: number;
  readonly name: string;
  /** Proportional set size in MB, and what of it is the process's own anonymous memory. */
  readonly pss: number;
  readonly anonymous: number;
}

/** Memory of a process and all that descend from it. */
export function memoryOfTree(root: number): readonly ProcessMemory[] {
  return processTree(root).map((pid) => {
    const smaps = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const megabytes = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(smaps)?.[1]) / 1024;
    return { pid, name: entryOf(pid), pss: megabytes('Pss'), anonymous: megabytes('Pss_Anon') };
  });
}

/** A process and all that descend from it. */
export function processTree(root: number): readonly number[] {
  const children = readFileSync(`/proc/${root}/task/${root}/children`, 'utf8');
  return [root, ...children.split(' ').filter(Boolean).map(Number).flatMap(processTree)];
}

/** The script that a Node process runs, or its command. */
function entryOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const script = words.find((word) => /\.c?[jt]s$/.test(word)) ?? words[0] ?? '';
  return script.slice(script.lastIndexOf('/') + 1);
}
