import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { BackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import { deferred } from '../lib/wait.ts';
import type { FromChild, ReadyInfo, ToChild } from './child-protocol.ts';
import { writeAtomically } from './home.ts';
import { type Identity, identifyChild, lives } from '../lib/process-identity.ts';

/** One process to keep running. */
export interface ChildSpec {
  readonly name: string;
  readonly entry: string;
  readonly execArgv: readonly string[];
  /** How long an orderly end may take before SIGKILL, in milliseconds. */
  readonly graceMs: number;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  /** Folder for the identities of the processes. */
  readonly run: string;
  /** Folder for what the processes print. */
  readonly logs: string;
  /** Environment of the processes: nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Tells the user of something worth a line. */
  readonly notice: (line: string) => void;
}

const logLimitBytes = 10 * 1024 * 1024;
const restartBackOff = { initialMs: 50, maxMs: 5000, factor: 2, jitter: 0.2 };
/** A process that ran this long starts again without delay. */
const healthyMs = 30_000;
const killPollMs = 5;

/**
 * Keeps processes running.
 *
 * Invariants:
 * 1. A process that ends without being asked is started again, with its configuration as last given.
 * 2. Each process is named, with its identity, in a file of the run folder for as long as it lives, so
 *    that a supervisor that comes after a crash can end what is left.
 * 3. After `stop` none of them runs.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children: SupervisedChild[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts a process; it waits for its configuration. */
  start(spec: ChildSpec): SupervisedChild {
    const child = new SupervisedChild(spec, this.#options);
    this.#children.push(child);
    return child;
  }

  /** Stops all processes, the last started first; settles when none is left. */
  async stop(): Promise<void> {
    // A signal to the whole group may have ended some of them already: none is to come back.
    this.keepDown();
    for (const child of this.#children.toReversed()) await child.stop();
  }

  /** Starts no process again from now on. */
  keepDown(): void {
    for (const child of this.#children) child.keepDown();
  }

  /** Ends all processes at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }
}

export class SupervisedChild {
  readonly #spec: ChildSpec;
  readonly #options: SupervisorOptions;
  readonly #backOff = new BackOff(restartBackOff);
  readonly #firstReady = deferred<ReadyInfo>();
  #config: { readonly value: unknown } | undefined;
  #process: ChildProcess | undefined;
  #ended = Promise.resolve();
  #stopping = false;
  #served = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(spec: ChildSpec, options: SupervisorOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#firstReady.promise.catch(() => undefined);
    this.#spawn();
  }

  get configured(): boolean {
    return this.#config !== undefined;
  }

  /** Gives the configuration; resolves when the process serves for the first time. */
  configure(value: unknown): Promise<ReadyInfo> {
    this.#config = { value };
    this.#tell({ kind: 'config', config: value });
    return this.#firstReady.promise;
  }

  /** Does not start the process again when it ends. */
  keepDown(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
  }

  async stop(): Promise<void> {
    this.keepDown();
    const child = this.#process;
    if (child !== undefined) {
      this.#tell({ kind: 'stop' });
      const timer = setTimeout(() => child.kill('SIGKILL'), this.#spec.graceMs);
      await this.#ended;
      clearTimeout(timer);
    }
  }

  kill(): void {
    this.keepDown();
    this.#process?.kill('SIGKILL');
  }

  #tell(message: ToChild): void {
    if (this.#process?.connected === true) this.#process.send(message, () => undefined);
  }

  #spawn(): void {
    const { name, entry, execArgv } = this.#spec;
    const startedAt = this.#options.clock.monotonic();
    const log = openLog(join(this.#options.logs, `${name}.log`));
    const child = spawn(process.execPath, [...execArgv, entry], {
      stdio: ['ignore', log, log, 'ipc'],
      env: this.#options.env,
      serialization: 'json',
    });
    closeSync(log);
    this.#process = child;
    const ended = deferred<void>();
    this.#ended = ended.promise;
    if (child.pid !== undefined) recordProcess(this.#options.run, name, child.pid);
    child.on('message', (message: FromChild) => this.#hear(message));
    child.on('error', (error) => this.#options.notice(`Cannot run ${name}: ${error.message}`));
    child.on('exit', (code, signal) => {
      this.#process = undefined;
      rmSync(recordPath(this.#options.run, name), { force: true });
      ended.resolve();
      this.#afterExit(signal ?? `exit code ${code}`, startedAt);
    });
    if (this.#config !== undefined) this.#tell({ kind: 'config', config: this.#config.value });
  }

  #hear(message: FromChild): void {
    switch (message.kind) {
      case 'ready':
        this.#served = true;
        this.#firstReady.resolve(message.info);
        return;
      case 'failed':
        if (this.#served) this.#options.notice(`${this.#spec.name}: ${message.message}`);
        this.#firstReady.reject(new Error(message.message));
        return;
    }
  }

  #afterExit(how: string, startedAt: number): void {
    if (this.#stopping) return;
    const { clock, notice, logs } = this.#options;
    if (!this.#served) {
      this.#firstReady.reject(
        new Error(
          `Cannot start ${this.#spec.name}: it ended with ${how}; see ${join(logs, `${this.#spec.name}.log`)}`,
        ),
      );
      return;
    }
    if (clock.monotonic() - startedAt > healthyMs) this.#backOff.reset();
    const delayMs = clock.monotonic() - startedAt > healthyMs ? 0 : this.#backOff.next();
    notice(`${this.#spec.name} ended (${how}); starting it again`);
    this.#restart = setTimeout(() => this.#spawn(), delayMs);
  }
}

/** Ends what a crashed supervisor left behind, and names it; settles when none of it runs. */
export async function reclaim(run: string, clock: Clock): Promise<string[]> {
  const never = new AbortController().signal;
  const found: string[] = [];
  for (const file of readdirSync(run).filter((name) => name.endsWith('.json'))) {
    const path = join(run, file);
    const identity = readRecord(path);
    if (identity !== undefined && (await lives(identity))) {
      found.push(file.slice(0, -'.json'.length));
      process.kill(identity.pid, 'SIGKILL');
      while (await lives(identity)) await clock.sleep(killPollMs, never);
    }
    rmSync(path, { force: true });
  }
  return found;
}

function recordPath(run: string, name: string): string {
  return join(run, `${name}.json`);
}

function recordProcess(run: string, name: string, pid: number): void {
  writeAtomically(recordPath(run, name), JSON.stringify(identifyChild(pid)), 0o600);
}

function readRecord(path: string): Identity | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<Identity> | null;
    const { pid, born } = value ?? {};
    return typeof pid === 'number' && typeof born === 'string' ? { pid, born } : undefined;
  } catch {
    return undefined;
  }
}

function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > logLimitBytes) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}
