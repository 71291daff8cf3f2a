import type { Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { isJsonObject } from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp, readCluster } from '../cluster.ts';
import { type Command, CommandError, type CommandIo, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { findPods, podKind } from '../logs/find-pods.ts';
import { resourcePath } from '../resources/kinds.ts';
import { openSession } from '../session.ts';
import { openExecSocket } from './exec-socket.ts';

const help = `Run a command in a container.

Usage:
  nought exec (POD | KIND/NAME) [flags] -- COMMAND [ARGS…]

Of a function (fn/NAME), or anything else that has pods, the first pod is meant. The exit code is the
command's.

Flags:
  -i, --stdin           hand standard input over
  -c, --container C     which container (default the first)
${clusterFlagsHelp}
  -h, --help            this text

Examples:
  nought exec diff-7c6f9-x2x5k -- env
  nought exec -i fn/diff -- tar xf - < files.tar
`;

const options = {
  ...clusterFlagOptions,
  stdin: { type: 'boolean', short: 'i' },
  container: { type: 'string', short: 'c' },
} as const;

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;

export const execCommand: Command = {
  name: 'exec',
  summary: 'Run a command in a container',
  help,
  run: async (args, io) => {
    const end = args.indexOf('--');
    const command = end < 0 ? [] : args.slice(end + 1);
    const { values, positionals } = parseFlags(end < 0 ? args : args.slice(0, end), options);
    const [target, ...more] = positionals;
    if (target === undefined) throw new UsageError('Missing the pod: expected POD or KIND/NAME');
    if (more.length > 0) {
      throw new UsageError(`Unexpected argument "${more[0]}": the command comes after --`);
    }
    if (command.length === 0) throw new UsageError('Missing the command: expected it after --');
    using session = await openSession(values, io);
    const { container } = values;
    const wanted = { target, selector: undefined, container, allContainers: false };
    const [place] = (await findPods(session, wanted)).logs;
    if (place === undefined) throw new CommandError(`error: no pods of ${target} are there now`);
    const query = new URLSearchParams({
      container: place.container,
      stdout: 'true',
      stderr: 'true',
      ...(values.stdin === true ? { stdin: 'true' } : {}),
    });
    for (const word of command) query.append('command', word);
    const pod = resourcePath(podKind, { namespace: place.namespace, name: place.pod });
    const { access } = await readCluster(values, io);
    const socket = await openExecSocket(access, `${pod}/exec?${query.toString()}`, io.signal);
    return converse(socket, io, values.stdin === true);
  },
};

/** Joins the command's streams to the program's own; resolves to the exit code. */
async function converse(socket: WebSocket, io: CommandIo, stdin: boolean): Promise<number> {
  let status: unknown;
  const show = (bytes: Buffer, out: Writable): void => {
    if (out.write(bytes)) return;
    socket.pause();
    out.once('drain', () => socket.resume());
  };
  socket.on('message', (data: RawData) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.concat([data].flat().map(asBuffer));
    const rest = bytes.subarray(1);
    if (bytes[0] === channels.stdout) show(rest, io.stdout);
    if (bytes[0] === channels.stderr) show(rest, io.stderr);
    if (bytes[0] === channels.error) status = JSON.parse(rest.toString()) as unknown;
  });
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const stop = stdin ? sendInput(socket, io) : undefined;
  await closed;
  stop?.();
  io.signal.throwIfAborted();
  return exitCodeOf(status, io);
}

function asBuffer(data: ArrayBuffer | Buffer): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** Sends standard input as fast as it is taken, then its end; the returned function stops that. */
function sendInput(socket: WebSocket, { stdin }: CommandIo): () => void {
  const send = (chunk: Buffer | string): void => {
    stdin.pause();
    const frame = Buffer.concat([Buffer.of(channels.stdin), Buffer.from(chunk)]);
    socket.send(frame, (error) => {
      if (!error) stdin.resume();
    });
  };
  const end = (): void => socket.send(Buffer.of(channels.close, channels.stdin), () => undefined);
  stdin.on('data', send).once('end', end);
  return () => {
    stdin.off('data', send).off('end', end).pause();
    // Whoever still writes to it is told that nobody reads.
    stdin.destroy();
  };
}

function exitCodeOf(status: unknown, io: CommandIo): number {
  if (!isJsonObject(status)) {
    throw new CommandError('error: the connection ended before the command did');
  }
  if (status['status'] === 'Success') return 0;
  const details = status['details'];
  const causes = isJsonObject(details) ? details['causes'] : undefined;
  const cause: unknown = Array.isArray(causes)
    ? causes.find((each: unknown) => isJsonObject(each) && each['reason'] === 'ExitCode')
    : undefined;
  const code = isJsonObject(cause) ? Number(cause['message']) : Number.NaN;
  if (!Number.isInteger(code)) throw new CommandError(`error: ${String(status['message'])}`);
  io.stderr.write(`command terminated with exit code ${code}\n`);
  return code;
}
