import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { createServer, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HomeError } from './home.ts';

/**
 * Holds a home for this process, so that a second `up` on it is refused.
 *
 * The lock is a listening Unix socket that says its holder's pid to whoever connects. On Linux its name
 * is abstract: the kernel gives it back when the holder ends, however it ends.
 */
export async function lockHome(root: string): Promise<AsyncDisposable> {
  const address = lockAddress(root);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(String(process.pid));
  });
  if (await listen(server, address)) return release(server);
  const holder = await askHolder(address);
  if (holder !== undefined) {
    throw new HomeError(
      `Cannot use home "${root}": nought is already running on it (process ${holder}); stop that one, or name another home with --home`,
    );
  }
  // Only a socket file can be left behind by a dead holder.
  rmSync(address, { force: true });
  if (await listen(server, address)) return release(server);
  throw new HomeError(`Cannot use home "${root}": another nought is starting on it`);
}

function lockAddress(root: string): string {
  const hash = createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 32);
  return process.platform === 'linux'
    ? `\0nought-home-${hash}`
    : join(tmpdir(), `nought-${hash}.sock`);
}

function listen(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', listening);
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    const listening = (): void => {
      server.off('error', failed);
      resolve(true);
    };
    server.once('error', failed);
    server.once('listening', listening);
    server.listen(address);
    server.unref();
  });
}

function askHolder(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(address);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => resolve(undefined));
    socket.on('end', () => resolve(text));
  });
}

function release(server: Server): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
