import type { Readable, Writable } from 'node:stream';
import type { Container } from '../api/index.ts';

/** Which pod a sandbox belongs to; the uid alone decides. */
export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export interface SandboxSpec {
  readonly pod: PodIdentity;
  /** Images of its containers. */
  readonly images: readonly string[];
  /** TCP ports that the pod's containers declare. */
  readonly ports: readonly number[];
}

/** Who must own the files of a pod. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A host folder or file that a container sees at `mountPath`. */
export interface Mount {
  readonly hostPath: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

/** One start of one container, everything looked up. */
export interface ContainerSpec {
  readonly name: string;
  /** 0 for the first start; the restartCount of the pod's status. */
  readonly attempt: number;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly workingDir: string | undefined;
  readonly mounts: readonly Mount[];
  readonly ports: readonly number[];
  readonly memoryBytes: number | undefined;
  readonly milliCpu: number | undefined;
  readonly hostname: string;
  readonly terminationMessagePath: string;
  /** Take the end of the log when a failed container left no message. */
  readonly messageFromLogs: boolean;
}

export interface ContainerExit {
  readonly exitCode: number;
  readonly reason: 'Completed' | 'Error' | 'OOMKilled' | 'StartError';
  readonly message: string | undefined;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
}

/** What a container has used since its start, at one moment. */
export interface ContainerUsage {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Time on any CPU, in nanoseconds; never shrinks while the container runs, but for lost children. */
  readonly cpuNanos: number;
  /** Memory that is not merely a copy of files. */
  readonly workingSetBytes: number;
}

/** One more command in a running container. */
export interface ExecSpec {
  readonly command: readonly string[];
  /** Whether it gets a standard input; otherwise it reads the end of it at once. */
  readonly stdin: boolean;
  /** Whether it gets a terminal: what it writes to standard error then comes as output. */
  readonly terminal: boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A command that was started in a container, with its streams, which all have to be consumed. */
export interface RuntimeExec {
  /** Undefined when none was asked for. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when it and all that it started have ended; never rejects. */
  readonly exited: Promise<{ readonly exitCode: number }>;
  /** Tells its terminal the size of the window; nothing happens without a terminal. */
  resize(size: TerminalSize): void;
}

/** One start of a container, running or ended. */
export interface RuntimeContainer {
  readonly name: string;
  readonly attempt: number;
  /** `<runtime>://<id>`, as in containerStatuses. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Whether `ready` tells when the container serves; probes decide otherwise. */
  readonly notifies: boolean;
  /** Resolves when the container said that it serves; never rejects, may never settle. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended and nothing of it runs any more; never rejects. */
  readonly exited: Promise<ContainerExit>;
  /** How it ended; undefined while it runs. */
  exit(): ContainerExit | undefined;
  /** What it has used; undefined when it has ended, or where the host does not tell. */
  usage(): Promise<ContainerUsage | undefined>;
  /**
   * Runs a command as the container runs its own: user, environment, folder, limits. When the signal
   * aborts or the container ends, the command and all that it started are killed. Throws StartError.
   */
  exec(spec: ExecSpec, signal: AbortSignal): Promise<RuntimeExec>;
  /** Asks it to end, kills it after `graceMs` (0: at once); a shorter grace later on wins. */
  stop(graceMs: number): Promise<ContainerExit>;
}

export interface LogOptions {
  readonly previous: boolean;
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** From the end; all when undefined. */
  readonly tailLines: number | undefined;
  /** Milliseconds since the epoch; all when undefined. */
  readonly since: number | undefined;
  readonly limitBytes: number | undefined;
}

/** What a pod's containers share: an address, folders, an owner. */
export interface Sandbox {
  readonly pod: PodIdentity;
  /** status.podIP. */
  readonly address: string;
  /** Folder of the host for the pod's volumes; exists. */
  readonly volumesFolder: string;
  readonly owner: Owner | undefined;
  /** The latest start of each container. */
  containers(): readonly RuntimeContainer[];
  /** Throws StartError when the container cannot be started as it is. */
  start(spec: ContainerSpec, signal: AbortSignal): Promise<RuntimeContainer>;
  /** Whether what listens on a port of the sandbox's address belongs to the sandbox. */
  listensOn(port: number): Promise<boolean>;
  /** Undefined when there is no such log. */
  logs(
    container: string,
    options: LogOptions,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> | undefined;
  /** Kills what still runs, removes the folders, frees the address. */
  remove(): Promise<void>;
}

/** Why a container cannot run here, in words for its status. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** A container that could not be started: becomes its state. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * What runs containers. Every implementation passes `runtime.contract.ts`.
 *
 * Invariants:
 * 1. Sandboxes and containers outlive the process that started them; `recover` finds them again.
 * 2. After `exited` nothing that the container started is running, its descendants included.
 * 3. An address is not given to another sandbox before `remove` has ended, and not soon after.
 */
export interface Runtime extends AsyncDisposable {
  /** As in `--runtime`, and in container ids. */
  readonly name: string;
  /** What isolation this host does not allow, one sentence each. */
  readonly limitations: readonly string[];
  refuse(container: Container): Refusal | undefined;
  /** What earlier processes left; whatever belongs to nothing is killed. To be called once, first. */
  recover(): Promise<readonly Sandbox[]>;
  openSandbox(spec: SandboxSpec): Promise<Sandbox>;
}
