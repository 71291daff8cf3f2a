import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { markerVariable } from './strays.ts';
import { StartError } from '../runtime.ts';

/** Where the container finds what it is handed; descriptor 5 is the life pipe of the shim alone. */
const listenFd = 3;
const notifyFd = 4;
/** Fits the kernel's default limit (net.core.somaxconn). */
const backlog = 4096;

/**
 * Runs the command and writes its exit code to the file `$1`, so that the code is known even when
 * the agent was away. It holds the life pipe alone: its end tells the agent that the shim has ended.
 */
const prologue = `trap : TERM HUP INT QUIT USR1 USR2
ulimit -c 0
exec 6>&2 2>/dev/null
code=$1
shift
`;

/** In the foreground, as it keeps the signals' defaults. */
const plainScript = `${prologue}"$@" 2>&6 5>&- 6>&-
echo $? >"$code"`;

/**
 * In the background, so that the shim can close its copies of the listening socket and the notify
 * pipe: when the server stops accepting, connections must be refused and not wait for the shim.
 */
const servingScript = `${prologue}"$@" 2>&6 5>&- 6>&- &
child=$!
exec 3>&- 4>&-
while wait $child; status=$?; kill -0 $child; do :; done
echo $status >"$code"`;

export interface ShimRequest {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  /** Instance, pod, container and attempt: the processes are found again by it. */
  readonly marker: string;
  readonly pipes: PipePaths;
  readonly exitFile: string;
  /** Bind this address first and hand the socket over; without it the container listens itself. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** The named pipes of one container. */
export interface PipePaths {
  readonly stdout: string;
  readonly stderr: string;
  readonly notify: string;
  readonly life: string;
}

/**
 * Starts the command in a session of its own; the shim's process id goes to `adopt`.
 *
 * The pipes are opened for reading and writing, so that neither side's death breaks the other.
 * `adopt` has to open its ends before it returns: only until then are they held open here.
 */
export async function startShim<T>(request: ShimRequest, adopt: (pid: number) => T): Promise<T> {
  if (request.listen === undefined) return spawnShim(request, undefined, adopt);
  const { host, port } = request.listen;
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  server.once('error', (error) => {
    reject(new StartError(`Cannot listen on ${host}:${port}: ${error.message}`));
  });
  server.listen({ host, port, backlog, exclusive: true }, () => {
    // In this very tick, so that the agent itself never accepts a connection.
    try {
      resolve(spawnShim(request, socketOf(server), adopt));
    } catch (error) {
      reject(error);
    } finally {
      server.close();
    }
  });
  return promise;
}

function spawnShim<T>(
  request: ShimRequest,
  socket: number | undefined,
  adopt: (pid: number) => T,
): T {
  const { pipes, env } = request;
  const fds = [pipes.stdout, pipes.stderr, pipes.notify, pipes.life].map((path) =>
    openSync(path, constants.O_RDWR),
  );
  const [stdout, stderr, notify, life] = fds as [number, number, number, number];
  const all: Record<string, string> = Object.fromEntries(env);
  all[markerVariable] = request.marker;
  if (socket !== undefined) {
    all['NOUGHT_LISTEN_FD'] = String(listenFd);
    all['NOUGHT_NOTIFY_FD'] = String(notifyFd);
  }
  try {
    const child = spawn(
      shellFor(env),
      ['-c', socket === undefined ? plainScript : servingScript, 'nought', request.exitFile].concat(
        request.argv,
      ),
      {
        cwd: request.cwd,
        env: all,
        detached: true,
        stdio: [
          'ignore',
          stdout,
          stderr,
          socket ?? 'ignore',
          socket === undefined ? 'ignore' : notify,
          life,
        ],
      },
    );
    child.once('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new StartError(`Cannot start "${request.argv.join(' ')}"`);
    return adopt(child.pid);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** dash drops variables whose names it cannot use (`my.key`); bash hands them on. */
export function shellFor(env: ReadonlyMap<string, string>): string {
  for (const name of env.keys()) {
    if (!/^[A-Za-z_]\w*$/.test(name) && existsSync('/bin/bash')) return '/bin/bash';
  }
  return '/bin/sh';
}

/** The descriptor of a listening server; Node has no public word for it. */
function socketOf(server: ReturnType<typeof createServer>): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd: unknown =
    typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number' || fd < 0) throw new StartError('Cannot hand over a listening socket');
  return fd;
}
