import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Container } from '../../api/index.ts';
import type { Log } from '../../lib/log.ts';
import type { Refusal, Runtime, Sandbox, SandboxSpec } from '../runtime.ts';
import { Addresses } from './addresses.ts';
import { Berths } from './berths.ts';
import { BootGate } from './boot-gate.ts';
import { Cgroups } from './cgroups.ts';
import { imageName, type RuntimeImage } from './command.ts';
import { FifoStock } from './fifo-stock.ts';
import { findIsolation, type Isolation } from './isolation.ts';
import { MemoryWatch } from './memory-watch.ts';
import { PublicFolder } from './public-folder.ts';
import { ProcessSandbox, sandboxFile, type SandboxHost, type SandboxRecord } from './sandbox.ts';
import { Strays } from './strays.ts';

export interface ProcessRuntimeOptions {
  /** Folder that keeps the pods between runs; one runtime at a time uses it. */
  readonly folder: string;
  /** Commands that stand for images, by image name without tag. */
  readonly images: Readonly<Record<string, RuntimeImage>>;
  /** Where pods' folders go when pods have users of their own that cannot reach `folder`. */
  readonly publicFolder?: string;
  /** PATH of containers. */
  readonly path?: string;
  /** The port that runtime images serve on: some berths for them are kept ready. */
  readonly servingPort?: number;
  readonly random?: () => number;
  readonly log: Log;
}

const defaultPublicFolder = '/var/lib/nought';
/** How many pods boot at once. */
const bootPlaces = Math.max(2, availableParallelism());
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Pods as processes of the host, each with an address of its own in 127.0.0.0/8 and what isolation
 * the host allows.
 *
 * Owns the pods' folders, their addresses and users, and the lock on its folder.
 *
 * Invariants: those of `Runtime`, and
 * 1. What is on disk is enough to find every process again: a record is written after each start,
 *    and a process that was started without one carries a marker in its environment.
 */
export async function openProcessRuntime(options: ProcessRuntimeOptions): Promise<Runtime> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const folder = realpathSync(options.folder);
  const instance = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  const lock = await takeLock(instance, folder);
  const cgroups = Cgroups.open(instance);
  const place = new PublicFolder(options.publicFolder ?? defaultPublicFolder, folder, instance);
  place.sweep();
  const isolation = await findIsolation({
    instance,
    folder: join(folder, 'pods'),
    publicFolder: place.path,
    commands: new Map(Object.entries(options.images).map(([name, { argv }]) => [name, argv])),
    cgroups,
  });
  const addresses = new Addresses((options.random ?? Math.random)());
  const alone = !(await addresses.many());
  if (isolation.folder === place.path) place.sign();
  return new ProcessRuntime(options, {
    instance,
    lock,
    place,
    cgroups,
    addresses,
    isolation: alone
      ? { ...isolation, limitations: [...isolation.limitations, oneAddress] }
      : isolation,
    alone,
  });
}

const oneAddress =
  'All pods share 127.0.0.1, so only one can listen on a port: the host has no other loopback address';

interface Parts {
  readonly instance: string;
  readonly lock: Server | undefined;
  readonly place: PublicFolder;
  readonly cgroups: Cgroups;
  readonly addresses: Addresses;
  readonly isolation: Isolation;
  /** All pods share one address. */
  readonly alone: boolean;
}

class ProcessRuntime implements Runtime {
  readonly name = 'process';
  readonly limitations: readonly string[];
  readonly #parts: Parts;
  readonly #host: SandboxHost;
  readonly #log: Log;
  readonly #berths: Berths | undefined;
  readonly #sandboxes = new Map<string, ProcessSandbox>();
  #nextUser = 0;

  constructor(options: ProcessRuntimeOptions, parts: Parts) {
    this.limitations = parts.isolation.limitations;
    this.#parts = parts;
    this.#log = options.log;
    const fifos = new FifoStock(join(parts.isolation.folder, '.fifos'));
    fifos.fill().catch(() => undefined);
    const path = options.path ?? process.env['PATH'] ?? standardPath;
    const { servingPort } = options;
    if (servingPort !== undefined && !parts.alone && process.platform === 'linux') {
      this.#berths = new Berths({
        ...parts,
        parent: join(parts.isolation.folder, '.berths'),
        size: bootPlaces + 1,
        port: servingPort,
        path,
        fifos,
        takeUser: () => this.#takeUser(),
      });
    }
    this.#host = {
      instance: parts.instance,
      path,
      images: new Map(Object.entries(options.images)),
      isolation: parts.isolation,
      cgroups: parts.cgroups,
      strays: new Strays(parts.instance),
      memoryWatch:
        process.platform === 'linux' && !parts.cgroups.limits('memory')
          ? new MemoryWatch()
          : undefined,
      fifos,
      gate: new BootGate(bootPlaces),
      removed: (sandbox) => this.#forget(sandbox),
    };
  }

  refuse(container: Container): Refusal | undefined {
    if ((container.command?.length ?? 0) > 0) return undefined;
    const image = container.image ?? '';
    if (this.#host.images.has(imageName(image))) return undefined;
    return {
      reason: 'ImageNotSupported',
      message:
        `Cannot run image "${image}": the process runtime runs commands on the host. ` +
        'Give the container a command; images themselves need the docker runtime, which this version does not have',
    };
  }

  async recover(): Promise<readonly Sandbox[]> {
    const adopted = new Set<string>();
    for (const entry of readdirSync(this.#parts.isolation.folder)) {
      if (entry.startsWith('.')) continue;
      const record = loadSandbox(join(this.#parts.isolation.folder, entry, sandboxFile));
      if (record === undefined) {
        rmSync(join(this.#parts.isolation.folder, entry), { recursive: true, force: true });
        continue;
      }
      const sandbox = new ProcessSandbox(record, this.#host);
      this.#parts.addresses.hold(record.address);
      this.#sandboxes.set(record.pod.uid, sandbox);
      for (const marker of await sandbox.adopt()) adopted.add(marker);
    }
    await this.#killStrays(adopted);
    this.#berths?.fillSoon();
    return [...this.#sandboxes.values()];
  }

  async openSandbox(spec: SandboxSpec): Promise<Sandbox> {
    const images = spec.images.map(imageName);
    const owned = this.#host.isolation.owner(0, images) !== undefined;
    const isServing = images.length === 1 && images.every((image) => this.#host.images.has(image));
    const berth = isServing ? await this.#berths?.take(spec.ports, owned) : undefined;
    const record: SandboxRecord = {
      pod: spec.pod,
      images,
      address: berth?.address ?? (await this.#parts.addresses.take(spec.ports)),
      userIndex: berth?.userIndex ?? this.#takeUser(),
    };
    const sandbox = new ProcessSandbox(record, this.#host, berth);
    this.#sandboxes.set(spec.pod.uid, sandbox);
    sandbox.create();
    return sandbox;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sandbox of this.#sandboxes.values()) sandbox.close();
    await this.#berths?.[Symbol.asyncDispose]();
    await this.#host.fifos[Symbol.asyncDispose]();
    this.#parts.cgroups.close();
    if (this.#sandboxes.size === 0) this.#parts.place.remove();
    const { lock } = this.#parts;
    if (lock === undefined) return;
    lock.close();
    await once(lock, 'close');
  }

  /** Kills what carries our marker but belongs to no container that was adopted. */
  async #killStrays(adopted: ReadonlySet<string>): Promise<void> {
    for (const [marker, pids] of await this.#host.strays.all()) {
      if (adopted.has(marker)) continue;
      this.#log.warn('Killing processes of a pod that is gone', { marker, pids });
      await this.#host.strays.kill(marker);
    }
    for (const name of await this.#parts.cgroups.names()) {
      if (adopted.has(name.replaceAll('.', '/'))) continue;
      const group = this.#parts.cgroups.group(name, noLimits);
      await group?.kill();
      await group?.remove();
    }
  }

  #takeUser(): number {
    const taken = new Set([
      ...[...this.#sandboxes.values()].map((each) => each.userIndex),
      ...(this.#berths?.users() ?? []),
    ]);
    while (taken.has(this.#nextUser)) this.#nextUser += 1;
    return this.#nextUser++;
  }

  #forget(sandbox: ProcessSandbox): void {
    this.#sandboxes.delete(sandbox.pod.uid);
    this.#parts.addresses.free(sandbox.address);
  }
}

const noLimits = { memoryBytes: undefined, milliCpu: undefined };

/** A lock that the kernel frees when its holder dies; only Linux has such names. */
async function takeLock(instance: string, folder: string): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const lock = createServer((socket) => socket.destroy());
  lock.listen({ path: `\0nought-node-${instance}` });
  try {
    await once(lock, 'listening');
  } catch (error) {
    throw new Error(`Cannot open the pods in "${folder}": another node agent runs them`, {
      cause: error,
    });
  }
  lock.unref();
  return lock;
}

function loadSandbox(path: string): SandboxRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SandboxRecord;
  } catch {
    return undefined;
  }
}
