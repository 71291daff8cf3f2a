import { behind } from './early-environment.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { deferred } from '../../lib/wait.ts';
import {
  type ExecSpec,
  type Mount,
  type RuntimeExec,
  StartError,
  type TerminalSize,
} from '../runtime.ts';
import type { Cgroup } from './cgroups.ts';
import { findProgram } from './command.ts';
import { hostPaths } from './host-paths.ts';
import { shellFor } from './shim.ts';
import { killQuietly, markerVariable, type Strays } from './strays.ts';
import { terminalControlFd, terminalHost } from './terminal.ts';

/** What more commands in a container share with its own. */
export interface ExecScene {
  readonly env: readonly (readonly [string, string])[];
  readonly cwd: string;
  readonly mounts: readonly Mount[];
}

export interface ExecSurroundings {
  readonly scene: ExecScene;
  /** Of this command alone; begins with the container's. */
  readonly marker: string;
  readonly instance: string;
  readonly wrap: readonly string[];
  /** PATH of the agent, to find those words. */
  readonly path: string;
  readonly ownUser: boolean;
  readonly strays: Strays;
  readonly cgroup: Cgroup | undefined;
}

/** Waits until it is in its cgroup before anything of the pod's runs. */
const script = (terminal: boolean): string =>
  `ulimit -c 0; read -r go <&${terminalControlFd} || exit 1; exec "$@"${terminal ? '' : ` ${terminalControlFd}<&-`}`;

/**
 * One more command in a container, as a process group of the host.
 *
 * Invariants:
 * 1. Nothing of the pod's own runs before the process is in the container's cgroup.
 * 2. `exited` resolves after all descendants are dead: found by group, and by marker.
 */
export class ProcessExec implements RuntimeExec {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #surroundings: ExecSurroundings;
  readonly #child: ChildProcess;
  readonly #control: Writable;
  readonly #terminal: boolean;
  readonly #exited = deferred<{ readonly exitCode: number }>();
  #started: Promise<void>;
  #counted = false;
  #ended = false;

  /** Throws StartError when there is no such program. */
  constructor(spec: ExecSpec, surroundings: ExecSurroundings) {
    const { scene, wrap, path, marker, instance } = surroundings;
    this.#surroundings = surroundings;
    this.#terminal = spec.terminal;
    const start = behind(wrap, { argv: argvOf(spec, surroundings), env: new Map(scene.env) }, path);
    const env = new Map([...start.env, [markerVariable, `${instance}/${marker}`] as const]);
    const words = ['-c', script(spec.terminal), 'nought', ...start.argv];
    this.#child = spawn(shellFor(env), words, {
      cwd: scene.cwd,
      env: Object.fromEntries(env),
      detached: true,
      stdio: [spec.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    const [stdin, stdout, stderr, control] = this.#child.stdio;
    this.stdin = stdin ?? undefined;
    this.stdout = stdout as Readable;
    this.stderr = stderr as Readable;
    this.#control = control as Writable;
    // A command may close its input, or end, before all was written.
    for (const each of [this.stdin, this.#control]) each?.on('error', () => undefined);
    const failed = new Promise<never>((_, reject) => {
      this.#child.once('error', (error) => {
        this.#exited.resolve({ exitCode: 126 });
        reject(new StartError(`Cannot start "${spec.command.join(' ')}": ${error.message}`));
      });
    });
    this.#child.once('exit', (code, signal) => {
      this.#ended = true;
      const number = signal === null ? 0 : constants.signals[signal];
      void this.#sweep().then(() => this.#exited.resolve({ exitCode: code ?? 128 + number }));
    });
    this.#started = Promise.race([this.#begin(), failed]);
    // Whoever started it awaits it; the container may end before.
    this.#started.catch(() => undefined);
  }

  /** Resolves when the command runs; rejects with StartError. */
  get started(): Promise<void> {
    return this.#started;
  }

  get exited(): Promise<{ readonly exitCode: number }> {
    return this.#exited.promise;
  }

  resize({ rows, columns }: TerminalSize): void {
    if (this.#terminal && !this.#ended) this.#control.write(`${rows} ${columns}\n`);
  }

  /** Kills it and all that it started; resolves when they are gone. */
  async kill(): Promise<void> {
    if (!this.#ended) await this.#sweep();
    await this.exited;
  }

  async #begin(): Promise<void> {
    const { cgroup } = this.#surroundings;
    const { pid } = this.#child;
    if (pid !== undefined && cgroup !== undefined) {
      await cgroup.join(pid);
      this.#counted = (await cgroup.pids()).includes(pid);
    }
    this.#control.write('go\n');
  }

  async #sweep(): Promise<void> {
    const { strays, marker, cgroup } = this.#surroundings;
    const { pid } = this.#child;
    // The group outlives its leader while it has members, so its number is still its own.
    if (pid !== undefined) killQuietly(-pid);
    const counted = this.#counted && cgroup !== undefined;
    await strays.kill(marker, counted ? () => cgroup.pids() : undefined);
  }
}

function argvOf(
  { command, terminal }: ExecSpec,
  { scene, ownUser }: ExecSurroundings,
): readonly string[] {
  const [word, ...rest] = command.map(hostPaths(scene.mounts));
  if (word === undefined) throw new StartError('Cannot run a command without words');
  const path = new Map(scene.env).get('PATH') ?? '';
  const where = { cwd: scene.cwd, own: ownUser };
  const argv = [findProgram(word, path, where), ...rest];
  if (!terminal) return argv;
  return [findHost(path, where), '-I', '-S', '-c', terminalHost, ...argv];
}

function findHost(path: string, where: { readonly cwd: string; readonly own: boolean }): string {
  try {
    return findProgram('python3', path, where);
  } catch (error) {
    const message = 'Cannot give the command a terminal: that needs python3 in the PATH of the pod';
    throw new StartError(message, { cause: error });
  }
}
