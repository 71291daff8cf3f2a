import type { Readable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { type RuntimeContainer, type RuntimeExec, StartError } from '../runtime.ts';
import type { ExecRequest } from './exec-request.ts';

/** Latest first. The fifth adds the close of a channel to the fourth. */
export const remoteCommandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const normalClosure = 1000;
/** Terminals count in 16 bits. */
const largestSize = 0xffff;
/** Each sign of life; a client that has gone is found out when nothing but silence comes back. */
const pingMs = 15_000;

/** Runs a command for the client of a websocket and tells how it ended; resolves when all is over. */
export async function serveRemoteCommand(
  socket: WebSocket,
  container: RuntimeContainer,
  request: ExecRequest,
): Promise<void> {
  const gone = new AbortController();
  socket.on('error', () => undefined);
  socket.once('close', () => gone.abort(new Error('The client has gone')));
  const ping = setInterval(() => socket.ping(), pingMs);
  const incoming: RawData[] = [];
  const keep = (data: RawData): void => void incoming.push(data);
  socket.on('message', keep);
  // Nothing is taken from the client before there is somebody to take it.
  socket.pause();
  try {
    const status = await runCommand(socket, container, {
      request,
      signal: gone.signal,
      take: (exec) => {
        const hear = listener(socket, exec);
        socket.off('message', keep).on('message', hear);
        for (const data of incoming.splice(0)) hear(data);
        socket.resume();
      },
    });
    socket.off('message', keep);
    socket.resume();
    await send(socket, channels.error, Buffer.from(JSON.stringify(status)));
    socket.close(normalClosure);
  } catch (error) {
    // A client that has gone hears nothing any more.
    if (socket.readyState === socket.OPEN) throw error;
  } finally {
    clearInterval(ping);
  }
}

interface CommandRun {
  readonly request: ExecRequest;
  readonly signal: AbortSignal;
  /** Called once it runs. */
  readonly take: (exec: RuntimeExec) => void;
}

async function runCommand(
  socket: WebSocket,
  container: RuntimeContainer,
  { request, signal, take }: CommandRun,
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
  const pump = async (wanted: boolean, stream: Readable, channel: number): Promise<void> => {
    if (!wanted) {
      stream.resume();
      return;
    }
    // One piece at a time: the command waits for a client that takes nothing.
    for await (const chunk of stream) await send(socket, channel, chunk as Buffer);
  };
  await Promise.all([
    pump(request.stdout, exec.stdout, channels.stdout),
    pump(request.stderr, exec.stderr, channels.stderr),
  ]);
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
interface ExecStatus {
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

/** Hands what the client sends to the command; reads no more while the command does not take it. */
function listener(socket: WebSocket, exec: RuntimeExec): (data: RawData) => void {
  const { stdin } = exec;
  const takes = (): boolean => stdin !== undefined && stdin.writable;
  const goOn = (): void => socket.resume();
  stdin?.on('drain', goOn).on('close', goOn);
  return (data) => {
    const bytes = bytesOf(data);
    const [channel] = bytes;
    const rest = bytes.subarray(1);
    if (channel === channels.stdin && takes() && stdin?.write(rest) === false) socket.pause();
    if (channel === channels.close && rest[0] === channels.stdin && takes()) stdin?.end();
    if (channel === channels.resize) resize(exec, rest);
  };
}

function resize(exec: RuntimeExec, bytes: Buffer): void {
  let size: unknown;
  try {
    size = JSON.parse(bytes.toString());
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

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Resolves when the system has taken the bytes; rejects when the client has gone. */
function send(socket: WebSocket, channel: number, bytes: Uint8Array): Promise<void> {
  const frame = Buffer.concat([Buffer.of(channel), bytes]);
  return new Promise((resolve, reject) => {
    socket.send(frame, (error) => (error ? reject(error) : resolve()));
  });
}
