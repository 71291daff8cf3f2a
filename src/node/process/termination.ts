import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readLog } from '../log-reader.ts';
import type { ContainerExit } from '../runtime.ts';

/** File names inside the folder of one start. */
export const exitFile = 'exit';
export const terminationLog = 'termination-log';

/** Limits of the kubelet: a message, and one taken from the log. */
const messageBytes = 4096;
const logMessageBytes = 2048;
const logMessageLines = 80;
/** Exit code of what was killed by SIGKILL, and of what was lost. */
const killedCode = 137;
/** Exit code of SIGABRT: how V8 ends when its heap limit is reached. */
const abortCode = 134;
const heapMessage = /FATAL ERROR: .*heap out of memory/;

export interface TerminationFacts {
  readonly folder: string;
  readonly logPath: string;
  readonly messageFromLogs: boolean;
  /** Killed by us at the end of its grace. */
  readonly killed: boolean;
  /** The kernel killed something in its cgroup because memory ran out. */
  readonly oom: boolean;
}

/** How an ended container ended, from what it left behind. */
export async function readTermination(facts: TerminationFacts): Promise<ContainerExit> {
  const path = join(facts.folder, exitFile);
  const text = await readFile(path, 'utf8').catch(() => '');
  const exitCode = /^\d+$/.test(text.trim()) ? Number(text) : killedCode;
  const finishedAt = await stat(path).then(
    (stats) => Math.round(stats.mtimeMs),
    () => Date.now(),
  );
  const log = exitCode === 0 ? '' : await lastLog(facts.logPath, logMessageLines);
  const oom =
    (facts.oom && exitCode === killedCode && !facts.killed) ||
    (exitCode === abortCode && heapMessage.test(log));
  const own = await head(join(facts.folder, terminationLog));
  const message = own !== '' || !facts.messageFromLogs ? own : log.slice(-logMessageBytes);
  return {
    exitCode,
    reason: oom ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    message: message === '' ? undefined : message,
    finishedAt,
  };
}

async function head(path: string): Promise<string> {
  try {
    await using handle = await open(path, 'r');
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(messageBytes), 0, messageBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  }
}

async function lastLog(path: string, tailLines: number): Promise<string> {
  const options = { previous: false, follow: false, timestamps: false, since: undefined };
  const parts: Buffer[] = [];
  const log = readLog(
    { path, file: undefined },
    { ...options, tailLines, limitBytes: undefined },
    AbortSignal.abort(),
  );
  for await (const part of log) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
