import type { RawData, WebSocket } from 'ws';
import type { RuntimeContainer, RuntimeExec } from '../runtime.ts';
import type { ExecRequest } from './exec-request.ts';
import { resize, runCommand } from './run-command.ts';

/** Latest first. The fifth adds the close of a channel to the fourth. */
export const remoteCommandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const normalClosure = 1000;
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
    const status = await runCommand(container, {
      request,
      show: (to, bytes) => send(socket, channels[to], bytes),
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
    if (channel === channels.resize) resize(exec, rest.toString());
  };
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
