import { constants, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { deferred } from '../../lib/wait.ts';
import { LogFile } from '../log-file.ts';
import type { Stream } from '../log-line.ts';
import {
  type ContainerExit,
  type ContainerUsage,
  type ExecSpec,
  type RuntimeContainer,
  type RuntimeExec,
  StartError,
} from '../runtime.ts';
import type { Cgroup } from './cgroups.ts';
import { type ExecScene, ProcessExec } from './exec.ts';
import { type Identity, lives } from '../../lib/process-identity.ts';
import type { MemoryWatch } from './memory-watch.ts';
import type { PipePaths } from './shim.ts';
import { killQuietly, type Strays } from './strays.ts';
import { readTermination } from './termination.ts';
import { containerUsage } from './usage.ts';

/** What is on disk of a started container, so that a later agent can adopt it. */
export interface ContainerRecord {
  readonly name: string;
  readonly attempt: number;
  readonly id: string;
  readonly marker: string;
  /** The shim's own marker, where it had waited in a berth. */
  readonly berth?: string;
  readonly shim: Identity;
  readonly startedAt: number;
  readonly notifies: boolean;
  readonly ready: boolean;
  readonly messageFromLogs: boolean;
  readonly memoryBytes: number | undefined;
  readonly milliCpu: number | undefined;
  readonly exit: ContainerExit | undefined;
  readonly scene?: ExecScene;
}

export interface ContainerSurroundings {
  /** Whether the shim is known to have lived a moment ago; its process group is then still its own. */
  readonly alive: boolean;
  readonly strays: Strays;
  readonly cgroup: Cgroup | undefined;
  /** Watches the memory where the kernel does not. */
  readonly memoryWatch: MemoryWatch | undefined;
  /** Folder of this start; holds the pipes, the exit code and the record. */
  readonly folder: string;
  readonly logPath: string;
  /** Of the agent; the marker of a process begins with it. */
  readonly instance: string;
  /** Words before a command that give up rights. */
  readonly wrap: readonly string[];
  /** PATH of the agent, to find those words. */
  readonly path: string;
  /** Whether the pod has a user of its own, which may do less than the agent's. */
  readonly ownUser: boolean;
}

/** Output that is still in the pipes when everything has ended is there at once. */
const lastOutputMs = 1000;
/** A process that forked right after its start may have left children outside of the cgroup. */
const cgroupSureMs = 2000;
/** Timers hold 31 bits. */
const longestTimerMs = 2 ** 31 - 1;
/** What libuv reads at most at once. */
const fullChunkBytes = 64 * 1024;
const recordFile = 'state.json';

/**
 * A container as processes of the host: a shim, and what it started.
 *
 * Owns the reading ends of its pipes, its log, its cgroup.
 *
 * Invariants:
 * 1. The end of the life pipe, which only the shim holds, is the one sign of its end: it works for
 *    children of this process and for adopted ones alike.
 * 2. A process is never signalled by its number alone: the identity is compared first.
 * 3. `exited` resolves after all descendants are dead and all output is in the log.
 */
export class ProcessContainer implements RuntimeContainer {
  readonly notifies: boolean;
  readonly #surroundings: ContainerSurroundings;
  readonly #ready = deferred<void>();
  readonly #exited = deferred<ContainerExit>();
  readonly #sockets: Socket[] = [];
  readonly #output: Promise<void>[] = [];
  readonly #log: LogFile | undefined;
  #record: ContainerRecord;
  #killTimer: NodeJS.Timeout | undefined;
  #killAt = Number.POSITIVE_INFINITY;
  #killed = false;
  #outgrown = false;
  #unwatch: (() => void) | undefined;
  #closed = false;
  #ending = false;
  readonly #execs = new Set<ProcessExec>();
  #execCount = 0;

  /** Takes over a container whose shim lives (or has just ended), or that ended before. */
  constructor(record: ContainerRecord, surroundings: ContainerSurroundings) {
    this.#record = record;
    this.notifies = record.notifies;
    this.#surroundings = surroundings;
    if (record.ready) this.#ready.resolve();
    if (record.exit !== undefined) {
      this.#exited.resolve(record.exit);
      return;
    }
    this.#log = new LogFile({ path: surroundings.logPath });
    if (!surroundings.alive) {
      void this.#end();
      return;
    }
    const pipes = pipePaths(surroundings.folder);
    this.#output.push(this.#pump(pipes.stdout, 'stdout'), this.#pump(pipes.stderr, 'stderr'));
    if (record.notifies && !record.ready) this.#awaitReady(pipes.notify);
    if (record.memoryBytes !== undefined) this.#unwatch = this.#watchMemory(record.memoryBytes);
    const life = this.#open(pipes.life);
    life.resume().once('close', () => void this.#end());
  }

  /**
   * Ends it if the shim is gone. To be called after adoption: a pipe whose last writer left before we
   * opened it never tells.
   */
  async check(): Promise<void> {
    if (this.#record.exit === undefined && !(await lives(this.#record.shim))) void this.#end();
  }

  get name(): string {
    return this.#record.name;
  }
  get attempt(): number {
    return this.#record.attempt;
  }
  get id(): string {
    return this.#record.id;
  }
  get startedAt(): number {
    return this.#record.startedAt;
  }
  get marker(): string {
    return this.#record.marker;
  }
  get ready(): Promise<void> {
    return this.#ready.promise;
  }
  get exited(): Promise<ContainerExit> {
    return this.#exited.promise;
  }
  get logSource(): { readonly path: string; readonly file: LogFile | undefined } {
    return { path: this.#surroundings.logPath, file: this.#log };
  }

  exit(): ContainerExit | undefined {
    return this.#record.exit;
  }

  async usage(): Promise<ContainerUsage | undefined> {
    if (this.#ending || this.#record.exit !== undefined) return undefined;
    return containerUsage(this.#record.shim.pid, this.#surroundings.cgroup);
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<RuntimeExec> {
    const { scene, marker, exit } = this.#record;
    if (this.#ending || this.#closed || exit !== undefined || scene === undefined) {
      throw new StartError(`Cannot run a command in container "${this.name}": it is not running`);
    }
    signal.throwIfAborted();
    const own = `${marker}/exec-${this.#execCount++}`;
    const exec = new ProcessExec(spec, { ...this.#surroundings, scene, marker: own });
    this.#execs.add(exec);
    const end = (): void => void exec.kill();
    signal.addEventListener('abort', end, { once: true });
    void exec.exited.finally(() => {
      signal.removeEventListener('abort', end);
      this.#execs.delete(exec);
    });
    await exec.started;
    return exec;
  }

  async stop(graceMs: number): Promise<ContainerExit> {
    if (this.#record.exit !== undefined) return this.#record.exit;
    const killAt = performance.now() + graceMs;
    if (graceMs > 0 && this.#killAt === Number.POSITIVE_INFINITY) await this.#signal('SIGTERM');
    if (killAt < this.#killAt) {
      this.#killAt = killAt;
      clearTimeout(this.#killTimer);
      this.#killTimer = setTimeout(() => void this.#kill(), Math.min(graceMs, longestTimerMs));
    }
    return this.exited;
  }

  /** Lets go of it without stopping it. */
  close(): void {
    this.#closed = true;
    this.#unwatch?.();
    clearTimeout(this.#killTimer);
    for (const exec of this.#execs) void exec.kill();
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#ending) this.#log?.release();
  }

  #watchMemory(limitBytes: number): (() => void) | undefined {
    const exceeded = (): void => {
      this.#outgrown = true;
      void this.#kill();
    };
    return this.#surroundings.memoryWatch?.watch({
      pid: this.#record.shim.pid,
      limitBytes,
      exceeded,
    });
  }

  async #kill(): Promise<void> {
    this.#killed = true;
    await this.#signal('SIGKILL');
    await this.#sweep();
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    if (await lives(this.#record.shim)) killQuietly(-this.#record.shim.pid, signal);
  }

  /** Kills what is left of the container beside its process group. */
  async #sweep(): Promise<void> {
    const { cgroup, strays } = this.#surroundings;
    await cgroup?.kill();
    const young = Date.now() - this.#record.startedAt < cgroupSureMs;
    if (cgroup === undefined || young) await strays.kill(this.#record.marker);
  }

  async #end(): Promise<void> {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    clearTimeout(this.#killTimer);
    this.#unwatch?.();
    const { cgroup } = this.#surroundings;
    const oom = this.#outgrown || (cgroup?.oomKills() ?? 0) > 0;
    // The group outlives its leader while it has members, so its number is still its own.
    if (this.#surroundings.alive) killQuietly(-this.#record.shim.pid);
    await Promise.all([this.#sweep(), ...[...this.#execs].map((exec) => exec.kill())]);
    await Promise.race([
      Promise.all(this.#output),
      new Promise((resolve) => setTimeout(resolve, lastOutputMs).unref()),
    ]);
    this.#log?.end();
    const exit = await readTermination({
      folder: this.#surroundings.folder,
      logPath: this.#surroundings.logPath,
      messageFromLogs: this.#record.messageFromLogs,
      killed: this.#killed && !this.#outgrown,
      oom,
    });
    for (const socket of this.#sockets) socket.destroy();
    this.#save({ ...this.#record, exit });
    await cgroup?.remove();
    this.#exited.resolve(exit);
  }

  #pump(path: string, stream: Stream): Promise<void> {
    const socket = this.#open(path);
    const log = this.#log as LogFile;
    socket.on('data', (chunk: Buffer) => {
      log.write(stream, chunk);
      // libuv reads up to 32 chunks in a row: others get their turn after each full one.
      if (chunk.length < fullChunkBytes) return;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  #awaitReady(path: string): void {
    const socket = this.#open(path);
    let text = '';
    socket.on('data', (chunk) => {
      text = (text + chunk.toString('latin1')).slice(-256);
      if (!/^READY=1$/m.test(text)) return;
      socket.destroy();
      this.#save({ ...this.#record, ready: true });
      this.#ready.resolve();
    });
  }

  #open(path: string): Socket {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on('error', () => undefined);
    this.#sockets.push(socket);
    return socket;
  }

  #save(record: ContainerRecord): void {
    this.#record = record;
    saveRecord(this.#surroundings.folder, record);
  }
}

export function pipePaths(folder: string): PipePaths {
  return {
    stdout: join(folder, 'stdout'),
    stderr: join(folder, 'stderr'),
    notify: join(folder, 'notify'),
    life: join(folder, 'life'),
  };
}

export function saveRecord(folder: string, record: ContainerRecord): void {
  const path = join(folder, recordFile);
  try {
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch (error) {
    // The folder goes when its sandbox is removed; what is told after that is told to nobody.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The record of a start; undefined when the agent died before it could write one. */
export function loadRecord(folder: string): ContainerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, recordFile), 'utf8')) as ContainerRecord;
  } catch {
    return undefined;
  }
}
