import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readLog } from '../log-reader.ts';
import {
  type ContainerSpec,
  type LogOptions,
  type Owner,
  type PodIdentity,
  type RuntimeContainer,
  type Sandbox,
} from '../runtime.ts';
import { behind } from './early-environment.ts';
import { abandonBerth, type Berth, berthCommand, startInBerth } from './berths.ts';
import type { BootGate } from './boot-gate.ts';
import type { Cgroups } from './cgroups.ts';
import { type HostCommand, hostCommand, imageName, type RuntimeImage } from './command.ts';
import {
  type ContainerRecord,
  loadRecord,
  pipePaths,
  ProcessContainer,
  saveRecord,
} from './container.ts';
import type { FifoStock } from './fifo-stock.ts';
import { identifyChild, lives } from '../../lib/process-identity.ts';
import type { Isolation } from './isolation.ts';
import { holdsListener } from './listeners.ts';
import type { MemoryWatch } from './memory-watch.ts';
import { startShim } from './shim.ts';
import { makeStartFolder } from './start-folder.ts';
import type { Strays } from './strays.ts';
import { exitFile, terminationLog } from './termination.ts';

/** What all sandboxes of a runtime share. */
export interface SandboxHost {
  readonly instance: string;
  readonly path: string;
  readonly images: ReadonlyMap<string, RuntimeImage>;
  readonly isolation: Isolation;
  readonly cgroups: Cgroups;
  readonly strays: Strays;
  /** Undefined where cgroups limit memory, or nothing can. */
  readonly memoryWatch: MemoryWatch | undefined;
  readonly fifos: FifoStock;
  readonly gate: BootGate;
  /** Gives back what the sandbox held. */
  readonly removed: (sandbox: ProcessSandbox) => void;
}

/** What is on disk of a sandbox. */
export interface SandboxRecord {
  readonly pod: PodIdentity;
  readonly address: string;
  readonly userIndex: number;
  readonly images: readonly string[];
}

export const sandboxFile = 'pod.json';

/** A place in the boot gate is kept no longer, however long the code takes to load. */
const bootPlaceMs = 500;

/** A pod as a folder, an address and processes of the host. */
export class ProcessSandbox implements Sandbox {
  readonly owner: Owner | undefined;
  readonly #host: SandboxHost;
  readonly #record: SandboxRecord;
  readonly #folder: string;
  readonly #containers = new Map<string, ProcessContainer>();
  /** Waits for the first start of the pod's container. */
  #berth: Berth | undefined;
  #removal: Promise<void> | undefined;

  /** The address and the user of a sandbox with a berth are the berth's. */
  constructor(record: SandboxRecord, host: SandboxHost, berth?: Berth) {
    this.#host = host;
    this.#record = record;
    this.#berth = berth;
    this.owner = host.isolation.owner(record.userIndex, record.images);
    this.#folder = join(host.isolation.folder, record.pod.uid);
  }

  get pod(): PodIdentity {
    return this.#record.pod;
  }
  get address(): string {
    return this.#record.address;
  }
  get userIndex(): number {
    return this.#record.userIndex;
  }
  get volumesFolder(): string {
    return join(this.#folder, 'volumes');
  }

  /** Makes the folders. */
  create(): void {
    const mode = this.owner === undefined ? 0o700 : 0o711;
    mkdirSync(join(this.#folder, 'containers'), { recursive: true, mode });
    mkdirSync(join(this.#folder, 'logs'), { recursive: true, mode: 0o700 });
    mkdirSync(this.volumesFolder, { recursive: true, mode });
    const path = join(this.#folder, sandboxFile);
    writeFileSync(path, JSON.stringify(this.#record), { mode: 0o600 });
  }

  /** Finds the containers that an earlier agent started; returns the markers of those that live. */
  async adopt(): Promise<readonly string[]> {
    const alive: string[] = [];
    for (const name of readdirSync(join(this.#folder, 'containers'))) {
      const attempts = readdirSync(join(this.#folder, 'containers', name)).map(Number);
      const record = attempts
        .toSorted((a, b) => b - a)
        .map((attempt) => loadRecord(this.#startFolder(name, attempt)))
        .find((each) => each !== undefined);
      if (record === undefined) continue;
      const living = record.exit === undefined && (await lives(record.shim));
      const container = this.#container(record, living);
      this.#containers.set(name, container);
      if (living) {
        alive.push(record.marker);
        if (record.berth !== undefined) alive.push(record.berth);
        await container.check();
      }
    }
    return alive;
  }

  containers(): readonly RuntimeContainer[] {
    return [...this.#containers.values()];
  }

  async start(spec: ContainerSpec, signal: AbortSignal): Promise<RuntimeContainer> {
    const { host, folder } = {
      host: this.#host,
      folder: this.#startFolder(spec.name, spec.attempt),
    };
    this.#prepare(spec, folder);
    const command = hostCommand(spec, host.images.get(imageName(spec.image)), {
      path: host.path,
      home: join(folder, 'home'),
      temporary: join(folder, 'tmp'),
      terminationLog: join(folder, terminationLog),
      address: this.address,
      ownUser: this.owner !== undefined,
    });
    const leave = await host.gate.enter(signal);
    try {
      const container =
        (await this.#startInBerth(spec, command)) ?? (await this.#startAnew(spec, command));
      this.#containers.set(spec.name, container);
      this.#leaveWhenBooted(container, leave);
      return container;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Undefined when there is no berth that fits; there is none afterwards. */
  async #startInBerth(
    spec: ContainerSpec,
    command: HostCommand,
  ): Promise<ProcessContainer | undefined> {
    const berth = this.#berth;
    if (berth === undefined) return undefined;
    const words = berthCommand(berth, command, `${this.#host.instance}/${this.#marker(spec)}`);
    if (words === undefined) {
      await this.#leaveBerth();
      return undefined;
    }
    this.#berth = undefined;
    const container = this.#adopt(spec, command, { shim: berth.shim, berth: berth.marker });
    startInBerth(berth, words);
    // The shim may have died since it was looked at; then its pipe would never tell.
    void container.check();
    return container;
  }

  async #startAnew(spec: ContainerSpec, command: HostCommand): Promise<ProcessContainer> {
    const { isolation, fifos, instance } = this.#host;
    const folder = this.#startFolder(spec.name, spec.attempt);
    const pipes = pipePaths(folder);
    for (const pipe of Object.values(pipes)) rmSync(pipe, { force: true });
    await fifos.take(Object.values(pipes));
    for (const pipe of Object.values(pipes)) this.#give(pipe);
    const request = {
      ...command,
      ...behind(isolation.wrap(this.owner), command, this.#host.path),
      marker: `${instance}/${this.#marker(spec)}`,
      pipes,
      exitFile: join(folder, exitFile),
    };
    return startShim(request, (pid) => this.#adopt(spec, command, { shim: identifyChild(pid) }));
  }

  /** Writes down what has started, and takes it over. */
  #adopt(
    spec: ContainerSpec,
    command: HostCommand,
    processes: Pick<ContainerRecord, 'shim' | 'berth'>,
  ): ProcessContainer {
    const marker = this.#marker(spec);
    const record: ContainerRecord = {
      name: spec.name,
      attempt: spec.attempt,
      id: `process://${createHash('sha256').update(marker).digest('hex')}`,
      marker,
      ...processes,
      startedAt: Date.now(),
      notifies: command.listen !== undefined,
      ready: false,
      messageFromLogs: spec.messageFromLogs,
      memoryBytes: spec.memoryBytes,
      milliCpu: spec.milliCpu,
      exit: undefined,
      scene: { env: [...command.env], cwd: command.cwd, mounts: spec.mounts },
    };
    saveRecord(this.#startFolder(spec.name, spec.attempt), record);
    return this.#container(record, true);
  }

  #marker({ name, attempt }: ContainerSpec): string {
    return `${this.pod.uid}/${name}/${attempt}`;
  }

  async listensOn(port: number): Promise<boolean> {
    if (process.platform !== 'linux') return true;
    const marked = await this.#host.strays.all();
    const own = `${this.pod.uid}/`;
    const pids = [...marked].filter(([marker]) => marker.startsWith(own)).flatMap(([, all]) => all);
    return holdsListener(pids, this.address, port);
  }

  logs(
    name: string,
    options: LogOptions,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> | undefined {
    const container = this.#containers.get(name);
    if (container === undefined) return undefined;
    if (!options.previous) return readLog(container.logSource, options, signal);
    const path = this.#logPath(name, container.attempt - 1);
    if (!existsSync(path)) return undefined;
    return readLog({ path, file: undefined }, options, signal);
  }

  remove(): Promise<void> {
    this.#removal ??= this.#remove();
    return this.#removal;
  }

  close(): void {
    void this.#leaveBerth();
    for (const container of this.#containers.values()) container.close();
  }

  async #leaveBerth(): Promise<void> {
    const berth = this.#berth;
    this.#berth = undefined;
    if (berth !== undefined) await abandonBerth(berth);
  }

  async #remove(): Promise<void> {
    await this.#leaveBerth();
    await Promise.all([...this.#containers.values()].map((each) => each.stop(0)));
    // What left its group, its session and its parent still carries the marker.
    const own = `${this.pod.uid}/`;
    for (const marker of (await this.#host.strays.all()).keys()) {
      if (marker.startsWith(own)) await this.#host.strays.kill(marker);
    }
    this.close();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    this.#host.removed(this);
  }

  #container(record: ContainerRecord, alive: boolean): ProcessContainer {
    const { host, name } = { host: this.#host, name: `${this.pod.uid}.${record.name}` };
    const cgroup =
      record.exit === undefined
        ? host.cgroups.group(`${name}.${record.attempt}`, record)
        : undefined;
    // Off the critical path: the kernel takes 6 to 11 ms for each.
    if (alive) void cgroup?.join(record.shim.pid);
    return new ProcessContainer(record, {
      alive,
      strays: host.strays,
      cgroup,
      memoryWatch: host.memoryWatch,
      folder: this.#startFolder(record.name, record.attempt),
      logPath: this.#logPath(record.name, record.attempt),
      instance: host.instance,
      wrap: host.isolation.wrap(this.owner),
      path: host.path,
      ownUser: this.owner !== undefined,
    });
  }

  /** Makes the folder of one start, and removes what is older than the start before it. */
  #prepare(spec: ContainerSpec, folder: string): void {
    rmSync(folder, { recursive: true, force: true });
    if (this.#berth === undefined) {
      makeStartFolder(folder, this.owner);
    } else {
      mkdirSync(dirname(folder), { recursive: true, mode: 0o711 });
      renameSync(this.#berth.folder, folder);
    }
    for (const attempt of readdirSync(join(this.#folder, 'containers', spec.name)).map(Number)) {
      if (attempt >= spec.attempt) continue;
      rmSync(this.#startFolder(spec.name, attempt), { recursive: true, force: true });
    }
    for (const file of readdirSync(join(this.#folder, 'logs'))) {
      const [name, attempt] = file.split('.');
      if (name !== spec.name || Number(attempt) >= spec.attempt - 1) continue;
      rmSync(join(this.#folder, 'logs', file), { force: true });
    }
  }

  #give(path: string): void {
    if (this.owner !== undefined) chownSync(path, this.owner.uid, this.owner.gid);
  }

  #startFolder(name: string, attempt: number): string {
    return join(this.#folder, 'containers', name, String(attempt));
  }

  #logPath(name: string, attempt: number): string {
    return join(this.#folder, 'logs', `${name}.${attempt}.log`);
  }

  #leaveWhenBooted(container: ProcessContainer, leave: () => void): void {
    if (!container.notifies) {
      leave();
      return;
    }
    const timer = setTimeout(leave, bootPlaceMs);
    const booted = Promise.race([container.ready, container.exited]);
    void booted.finally(() => {
      clearTimeout(timer);
      leave();
    });
  }
}
