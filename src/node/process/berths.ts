import { chownSync, closeSync, constants, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, identifyChild, lives } from '../../lib/process-identity.ts';
import type { Owner } from '../runtime.ts';
import type { Addresses } from './addresses.ts';
import type { HostCommand } from './command.ts';
import { pipePaths } from './container.ts';
import type { FifoStock } from './fifo-stock.ts';
import type { Isolation } from './isolation.ts';
import { startShim } from './shim.ts';
import { makeStartFolder } from './start-folder.ts';
import { killQuietly, markerVariable } from './strays.ts';
import { exitFile } from './termination.ts';

/** A place made ready for a pod that serves: what its start takes time for, done before. */
export interface Berth {
  readonly address: string;
  readonly port: number;
  readonly userIndex: number;
  readonly owner: Owner | undefined;
  /** What becomes the folder of the container's start. */
  readonly folder: string;
  readonly shim: Identity;
  /** Of the shim; what it starts has the container's own. */
  readonly marker: string;
  /** The writing end of the pipe from which the shim's child takes its command. */
  readonly commandFd: number;
}

export interface BerthsOptions {
  /** Folder on the file system of the pods' folders; what is in it is removed. */
  readonly parent: string;
  /** How many are kept. */
  readonly size: number;
  /** The port that pods serve on. */
  readonly port: number;
  readonly instance: string;
  /** PATH to find the shim's programs. */
  readonly path: string;
  readonly isolation: Isolation;
  readonly addresses: Addresses;
  readonly fifos: FifoStock;
  /** A user that nobody has; freed by itself when its berth is gone. */
  readonly takeUser: () => number;
}

/** After a start, so that it has the machine to itself; after the agent's own start, too. */
const refillMs = 1000;
const goneMs = 1000;
const goneCheckMs = 1;
/** How long a shim's child may take until it waits for its command. */
const readerMs = 10_000;
const readerCheckMs = 5;
/** What a pipe takes at once or not at all (PIPE_BUF, pipe(7)). */
const commandBytes = 4096;
/** Names that a shell does not let a script set, or not to any value. */
const shellsOwn = new Set([
  'BASHOPTS',
  'BASH_VERSINFO',
  'EUID',
  'OPTIND',
  'PPID',
  'SHELLOPTS',
  'UID',
]);

/**
 * A stock of berths: a bound address, a user, a folder with its pipes, and a shim whose child has
 * given up its rights already and waits for the words of a command.
 *
 * Owns the berths that nobody has taken.
 *
 * Invariants:
 * 1. A berth serves one start of one pod, or none. It is given out once its child reads the pipe.
 * 2. When the agent dies, the pipe ends and with it the child and its shim: no stray is left.
 */
export class Berths implements AsyncDisposable {
  readonly #options: BerthsOptions;
  readonly #ready: Berth[] = [];
  #made = 0;
  #refill: NodeJS.Timeout | undefined;
  #making: Promise<void> | undefined;
  #closed = false;

  constructor(options: BerthsOptions) {
    this.#options = options;
    const { parent, isolation } = options;
    rmSync(parent, { recursive: true, force: true });
    const mode = isolation.owner(0, []) === undefined ? 0o700 : 0o711;
    mkdirSync(parent, { recursive: true, mode });
  }

  /** Users of the berths. */
  users(): readonly number[] {
    return this.#ready.map(({ userIndex }) => userIndex);
  }

  /** Makes what is missing, a moment later. */
  fillSoon(): void {
    if (this.#closed) return;
    this.#refill ??= setTimeout(() => {
      this.#refill = undefined;
      this.#making ??= this.#fill().finally(() => {
        this.#making = undefined;
      });
    }, refillMs).unref();
  }

  /** A berth on which these ports are free and whose owner is right; the taker's from now on. */
  async take(ports: readonly number[], owned: boolean): Promise<Berth | undefined> {
    if (ports.some((port) => port !== this.#options.port) || ports.length === 0) return undefined;
    for (let berth = this.#ready.shift(); berth !== undefined; berth = this.#ready.shift()) {
      this.fillSoon();
      if ((berth.owner !== undefined) === owned && (await lives(berth.shim))) return berth;
      await this.#discard(berth);
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#refill);
    await this.#making;
    await Promise.all(this.#ready.splice(0).map((berth) => this.#discard(berth)));
    rmSync(this.#options.parent, { recursive: true, force: true });
  }

  async #discard(berth: Berth): Promise<void> {
    await abandonBerth(berth);
    this.#options.addresses.free(berth.address);
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#ready.length < this.#options.size) {
      try {
        this.#ready.push(await this.#make());
      } catch {
        // Without one a start takes longer; the next start tries again to have one made.
        return;
      }
    }
  }

  async #make(): Promise<Berth> {
    const { parent, port, instance, path, isolation, addresses, fifos, takeUser } = this.#options;
    const userIndex = takeUser();
    const owner = isolation.owner(userIndex, []);
    const address = await addresses.take([port]);
    const name = String(this.#made++);
    const folder = join(parent, name);
    let shim: Identity | undefined;
    try {
      makeStartFolder(folder, owner);
      const pipes = pipePaths(folder);
      const command = join(folder, 'command');
      await fifos.take([...Object.values(pipes), command]);
      for (const pipe of [...Object.values(pipes), command]) {
        if (owner !== undefined) chownSync(pipe, owner.uid, owner.gid);
      }
      const marker = `berth/${name}/0`;
      const request = {
        argv: [...isolation.wrap(owner), '/bin/sh', '-c', '. ./command'],
        env: new Map([['PATH', path]]),
        cwd: folder,
        marker: `${instance}/${marker}`,
        pipes,
        // The folder is going to move, and the shim's working directory moves with it.
        exitFile,
        listen: { host: address, port },
      };
      shim = await startShim(request, identifyChild);
      const commandFd = await openOnceRead(command, shim);
      return { address, port, userIndex, owner, folder, shim, marker, commandFd };
    } catch (error) {
      if (shim !== undefined) killQuietly(-shim.pid);
      addresses.free(address);
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

/**
 * The writing end of a pipe that somebody reads. What is written to it stays even when it is closed
 * at once; a pipe that nobody has open yet would forget it, and its reader wait for ever.
 */
async function openOnceRead(path: string, reader: Identity): Promise<number> {
  const deadline = performance.now() + readerMs;
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENXIO' || performance.now() > deadline) throw error;
    }
    if (!(await lives(reader))) throw new Error('The berth has ended');
    await new Promise((resolve) => setTimeout(resolve, readerCheckMs));
  }
}

/** The words that make the berth's child into the command; undefined when it cannot become that. */
export function berthCommand(
  berth: Berth,
  { argv, env, cwd, listen }: HostCommand,
  marker: string,
): string | undefined {
  if (listen?.host !== berth.address || listen.port !== berth.port) return undefined;
  const lines: string[] = [];
  for (const [name, value] of [...env, [markerVariable, marker] as const]) {
    if (!/^[A-Za-z_]\w*$/.test(name) || shellsOwn.has(name)) return undefined;
    lines.push(`export ${name}=${quoted(value)}`);
  }
  lines.push(`cd ${quoted(cwd)} || exit 126`, 'unset OLDPWD');
  lines.push(`exec ${argv.map(quoted).join(' ')}`, '');
  const text = lines.join('\n');
  return Buffer.byteLength(text) > commandBytes ? undefined : text;
}

/** Hands the command over; the berth is used up. */
export function startInBerth({ commandFd }: Berth, command: string): void {
  try {
    writeSync(commandFd, command);
  } catch (error) {
    // The child has died meanwhile: its shim tells that as the end of the container.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  } finally {
    closeSync(commandFd);
  }
}

/**
 * Ends the processes of a berth that is not to be used; its address can then be bound again. Its
 * folder goes, unless it has become that of a start.
 */
export async function abandonBerth({ shim, commandFd, folder }: Berth): Promise<void> {
  const deadline = performance.now() + goneMs;
  // Killed before the pipe ends, which would have the shim write an exit code into the folder.
  while ((await lives(shim)) && performance.now() < deadline) {
    killQuietly(-shim.pid);
    await new Promise((resolve) => setTimeout(resolve, goneCheckMs));
  }
  closeSync(commandFd);
  rmSync(folder, { recursive: true, force: true });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
