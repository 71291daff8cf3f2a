import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** What tells a process from another one that got the same id later. */
export interface Identity {
  readonly pid: number;
  /** Start time of the process and id of the boot, as opaque text. */
  readonly born: string;
}

const run = promisify(execFile);
let bootId: string | undefined;

/** The identity of a living process; undefined when there is none (a zombie counts as none). */
export async function identify(pid: number): Promise<Identity | undefined> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => noOutput);
    return bornAt(pid, stdout);
  }
  const stat = readStat(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  return { pid, born: `${boot()}/${stat.startTicks}` };
}

/** The identity of a child that was just started, which may have ended already. */
export function identifyChild(pid: number): Identity {
  const unknown = { pid, born: 'unknown' };
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    return stat === undefined ? unknown : { pid, born: `${boot()}/${stat.startTicks}` };
  }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return bornAt(pid, stdout) ?? unknown;
}

const noOutput = { stdout: '' };

function bornAt(pid: number, text: string): Identity | undefined {
  return text.trim() === '' ? undefined : { pid, born: text.trim() };
}

function boot(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** Whether the process that was identified still lives. */
export async function lives(identity: Identity): Promise<boolean> {
  return (await identify(identity.pid))?.born === identity.born;
}

function readStat(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold blanks and brackets: fields count from the last bracket (proc(5)).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? 'X', startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
