import type { Readable } from 'node:stream';
import { type RuntimeContainer, type RuntimeExec, StartError } from '../runtime.ts';
import type { ExecRequest } from './exec-request.ts';

/** Terminals count in 16 bits. */
const largestSize = 0xffff;

export interface CommandRun {
  readonly request: ExecRequest;
  readonly signal: AbortSignal;
  /** Called once it runs. */
  readonly take: (exec: RuntimeExec) => void;
  /** Resolves when the client has taken it. */
  readonly show: (to: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>;
}

/** Runs a command for a client and says how it ended. Throws what `show` throws. */
export async function runCommand(
  container: RuntimeContainer,
  { request, signal, take, show }: CommandRun,
): Promise<ExecStatus> {
  const { command, stdin, terminal } = request;
  let exec: RuntimeExec;
  try {
    exec = await container.exec({ command, stdin, terminal }, signal);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return failure('InternalError', `error executing command in container: ${error.message}`);
  }
  take(exec);
  const pump = async (to: 'stdout' | 'stderr', stream: Readable): Promise<void> => {
    if (!request[to]) {
      stream.resume();
      return;
    }
    // One piece at a time: the command waits for a client that takes nothing.
    for await (const chunk of stream) await show(to, chunk as Buffer);
  };
  await Promise.all([pump('stdout', exec.stdout), pump('stderr', exec.stderr)]);
  const { exitCode } = await exec.exited;
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return failure(
    'NonZeroExitCode',
    `command terminated with non-zero exit code: exit code ${exitCode}`,
    {
      causes: [{ reason: 'ExitCode', message: String(exitCode) }],
    },
  );
}

/** What the error channel says: a metav1.Status without its kind. */
export interface ExecStatus {
  readonly metadata: object;
  readonly status: 'Success' | 'Failure';
  readonly reason?: string;
  readonly message?: string;
  readonly details?: object;
}

function failure(reason: string, message: string, details?: object): ExecStatus {
  const about = { metadata: {}, status: 'Failure', reason } as const;
  if (details !== undefined) return { ...about, message, details };
  return {
    ...about,
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  };
}

/** Passes on what a client says of the size of its window; nothing happens at what is no size. */
export function resize(exec: RuntimeExec, text: string): void {
  let size: unknown;
  try {
    size = JSON.parse(text);
  } catch {
    return;
  }
  if (typeof size !== 'object' || size === null) return;
  const [rows, columns] = [Reflect.get(size, 'Height'), Reflect.get(size, 'Width')];
  if (isSize(rows) && isSize(columns)) exec.resize({ rows, columns });
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= largestSize;
}
