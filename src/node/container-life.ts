import type { Container } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import { aborted } from '../lib/wait.ts';
import { ContainerProbes } from './container-probes.ts';
import { type HandlerFields, parseHandler } from './handler.ts';
import { callHandler, type HandlerTarget } from './handler-call.ts';
import type { Probe } from './probe.ts';
import { runCommand } from './run-command.ts';
import type { ContainerExit, RuntimeContainer, Sandbox } from './runtime.ts';

/** What happened to a container, to become an event. */
export interface LifeReport {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface ContainerLifeOptions {
  readonly container: Container;
  readonly running: RuntimeContainer;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  /** What an earlier agent had found of it; undefined when it has just been started. */
  readonly adopted: { readonly ready: boolean; readonly started: boolean } | undefined;
  /** The pod's grace. */
  readonly graceMs: () => number;
  /** Whether it would be started again after a failure. */
  readonly restarts: () => boolean;
  readonly changed: () => void;
  readonly report: (report: LifeReport) => void;
}

/** A container whose hook or predecessors have used up the grace still gets this long to end. */
const leastGraceMs = 2000;
/** Timers hold 31 bits. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * One start of a container, from its postStart hook to its end.
 *
 * Owns its probes and hooks.
 *
 * Invariants:
 * 1. Nothing is probed before the postStart hook has ended.
 * 2. preStop, waiting for its turn and the container's own end share one grace; a shorter one later
 *    on wins.
 */
export class ContainerLife {
  readonly #options: ContainerLifeOptions;
  readonly #target: HandlerTarget;
  /** The container has ended or is let go of. */
  readonly #closed = new AbortController();
  /** The grace is over. */
  readonly #hurry = new AbortController();
  #probes: ContainerProbes | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<ContainerExit> | undefined;
  #signalled = false;

  constructor(options: ContainerLifeOptions) {
    const { running, sandbox, clock } = options;
    this.#options = options;
    this.#target = {
      address: sandbox.address,
      run: (command, signal) => runCommand(running, command, signal),
      userAgent: 'kube-probe/1.35',
      clock,
    };
    const { postStart } = options.container.lifecycle ?? {};
    if (postStart === undefined || options.adopted !== undefined) this.#probe();
    else void this.#afterStart(postStart);
  }

  get running(): RuntimeContainer {
    return this.#options.running;
  }
  /** Whether the postStart hook has not ended yet. */
  get isStarting(): boolean {
    return this.#probes === undefined;
  }
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }
  /** Whether it runs in the eyes of those who wait for it: hook and startup probe are done. */
  get started(): boolean {
    return this.#probes?.started === true;
  }
  get ready(): boolean {
    return this.#probes?.ready === true;
  }

  /** Ends it within `graceMs`: the preStop hook first, then, when it is its turn, the signal. */
  stop(graceMs: number, turn: Promise<unknown> = Promise.resolve()): Promise<ContainerExit> {
    const deadline = performance.now() + graceMs;
    if (deadline < this.#deadline) {
      this.#deadline = deadline;
      clearTimeout(this.#timer);
      const timerMs = Math.min(graceMs, longestTimerMs);
      this.#timer = setTimeout(() => this.#hurry.abort(), timerMs);
      if (this.#signalled) void this.running.stop(graceMs);
    }
    this.#probes?.stopEnding();
    this.#stopping ??= this.#stop(graceMs, turn).finally(() => clearTimeout(this.#timer));
    return this.#stopping;
  }

  /** Asks and waits for nothing any more; the container goes on if it has not ended. */
  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
    this.#probes?.close();
  }

  async #afterStart(hook: HandlerFields): Promise<void> {
    const good = await this.#runHook(hook, this.#closed.signal);
    if (this.#closed.signal.aborted) return;
    if (good) {
      if (this.#stopping === undefined) this.#probe();
      this.#options.changed();
      return;
    }
    const { report, graceMs } = this.#options;
    report({
      type: 'Warning',
      reason: 'FailedPostStartHook',
      message: 'PostStartHook failed',
    });
    this.#end('failed its postStart hook', graceMs());
  }

  #probe(): void {
    const { container, running, sandbox, clock, adopted, changed, report, graceMs } = this.#options;
    this.#probes = new ContainerProbes({
      container,
      running,
      sandbox,
      target: this.#target,
      clock,
      known: adopted,
      changed,
      unhealthy: (message) => report({ type: 'Warning', reason: 'Unhealthy', message }),
      failed: (probe: Probe) => this.#end(`failed ${probe.kind} probe`, probe.graceMs ?? graceMs()),
    });
  }

  #end(why: string, graceMs: number): void {
    if (this.isStopping) return;
    const { container, report, restarts } = this.#options;
    const message = `Container ${container.name} ${why}${restarts() ? ', will be restarted' : ''}`;
    report({ type: 'Normal', reason: 'Killing', message });
    void this.stop(graceMs);
  }

  async #stop(graceMs: number, turn: Promise<unknown>): Promise<ContainerExit> {
    const { container, running, report } = this.#options;
    const { preStop } = container.lifecycle ?? {};
    let waited = false;
    if (preStop !== undefined && graceMs > 0) {
      waited = true;
      const signal = AbortSignal.any([this.#hurry.signal, this.#closed.signal]);
      const good = await this.#runHook(preStop, signal);
      if (!good && !this.#closed.signal.aborted) {
        report({ type: 'Warning', reason: 'FailedPreStopHook', message: 'PreStopHook failed' });
      }
    }
    const late = (): void => {
      waited = true;
    };
    await Promise.race([turn, aborted(this.#hurry.signal).then(late), running.exited]);
    this.#signalled = true;
    const leftMs = Math.max(this.#deadline - performance.now(), 0);
    return running.stop(waited ? Math.max(leftMs, leastGraceMs) : leftMs);
  }

  /** Of an HTTP hook any answer will do. */
  async #runHook(hook: HandlerFields, signal: AbortSignal): Promise<boolean> {
    const handler = parseHandler(hook, this.#options.container);
    if (handler.kind === 'tcp' || handler.kind === 'grpc') return false;
    const { kind } = await callHandler(
      handler,
      { ...this.#target, userAgent: 'kube-lifecycle/1.35' },
      signal,
    );
    return kind !== 'failure';
  }
}
