import type { Container } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import { callHandler, type HandlerOutcome, type HandlerTarget } from './handler-call.ts';
import { type Probe, probeOf, runProbe } from './probe.ts';
import type { RuntimeContainer, Sandbox } from './runtime.ts';

/**
 * How long until a container that says itself that it serves is reported as ready: whoever has a call
 * for it finds that out by asking it, and that call comes first.
 */
const readyReportMs = 20;
/** Messages of events have no more than this of what a probe has said. */
const maxOutputLength = 1024;

export interface ContainerProbesOptions {
  readonly container: Container;
  readonly running: RuntimeContainer;
  readonly sandbox: Sandbox;
  readonly target: HandlerTarget;
  readonly clock: Clock;
  /** What an earlier agent had found. */
  readonly known: { readonly ready: boolean; readonly started: boolean } | undefined;
  /** `ready` or `started` has another value. */
  readonly changed: () => void;
  /** A probe has failed once. */
  readonly unhealthy: (message: string) => void;
  /** The container is to be ended: nothing is asked about its life any more. */
  readonly failed: (probe: Probe) => void;
}

/**
 * What the probes of one start of a container have found.
 *
 * Invariants:
 * 1. The others wait until the startup probe has succeeded.
 * 2. `failed` is called at most once.
 */
export class ContainerProbes {
  readonly #options: ContainerProbesOptions;
  readonly #end = new AbortController();
  /** Of startup and liveness, which end a container. */
  readonly #endLife = new AbortController();
  #started = false;
  #ready = false;

  /** Asks from now on. */
  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    this.#ready = options.known?.ready === true;
    const startup = probeOf(options.container, 'startup');
    if (startup === undefined || options.known?.started === true) {
      this.#begin();
      return;
    }
    this.#run(startup, undefined, (good) => {
      if (good) this.#begin();
      else options.failed(startup);
      options.changed();
      return false;
    });
  }

  /** Whether the startup probe has succeeded, or there is none. */
  get started(): boolean {
    return this.#started;
  }

  get ready(): boolean {
    return this.#ready && this.#started;
  }

  /** The container ends anyway. */
  stopEnding(): void {
    this.#endLife.abort();
  }

  close(): void {
    this.#endLife.abort();
    this.#end.abort();
  }

  #begin(): void {
    const { container, running, failed } = this.#options;
    this.#started = true;
    const liveness = probeOf(container, 'liveness');
    if (liveness !== undefined) {
      this.#run(liveness, true, (good) => {
        if (!good) failed(liveness);
        return good;
      });
    }
    const readiness = probeOf(container, 'readiness');
    if (running.notifies) {
      void running.ready.then(() => setTimeout(() => this.#setReady(true), readyReportMs).unref());
    } else if (readiness === undefined) {
      this.#ready = true;
    } else {
      this.#run(readiness, this.#ready, (good) => {
        this.#setReady(good);
        return true;
      });
    }
  }

  #setReady(ready: boolean): void {
    if (this.#end.signal.aborted || this.#ready === ready) return;
    this.#ready = ready;
    this.#options.changed();
  }

  #run(probe: Probe, known: boolean | undefined, changed: (good: boolean) => boolean): void {
    const { clock, running, unhealthy } = this.#options;
    const { kind } = probe;
    const name = kind.charAt(0).toUpperCase() + kind.slice(1);
    const loop = {
      probe,
      clock,
      startedAt: running.startedAt,
      known,
      ask: (signal: AbortSignal) => this.#ask(probe, signal),
      changed,
      failed: (output: string) =>
        unhealthy(`${name} probe failed: ${output.slice(0, maxOutputLength)}`),
    };
    const { signal } = kind === 'readiness' ? this.#end : this.#endLife;
    runProbe(loop, signal).catch((error: unknown) => {
      unhealthy(`${name} probe errored: ${String(error)}`);
    });
  }

  async #ask(probe: Probe, signal: AbortSignal): Promise<HandlerOutcome> {
    const { sandbox, target } = this.#options;
    const { handler, timeoutMs, kind } = probe;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const outcome = await callHandler(handler, target, limit);
    if (outcome.kind !== 'success' || handler.kind === 'exec' || handler.kind === 'sleep') {
      return outcome;
    }
    // Once it was found good it stays the pod's own, and it costs to find that out.
    const sure = kind === 'liveness' ? this.#started : kind === 'readiness' && this.#ready;
    if (sure || handler.kind === 'unknown' || ('host' in handler && handler.host !== undefined)) {
      return outcome;
    }
    if (await sandbox.listensOn(handler.port)) return outcome;
    const output = `what listens on port ${handler.port} does not belong to the pod`;
    return { kind: 'failure', output };
  }
}
