import type { Container, Pod } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import { ConfigError, type ConfigRef, type Configuration } from './configuration.ts';
import { limitOf, type NodeFacts } from './downward.ts';
import { resolveEnvironment } from './environment.ts';
import { expand } from './expand.ts';
import type { ContainerRun, ContainerView } from './pod-status.ts';
import { readinessProbe, runProbe } from './probe.ts';
import { RestartBackOff } from './restart-back-off.ts';
import {
  type ContainerExit,
  type ContainerSpec,
  type Refusal,
  type Runtime,
  type RuntimeContainer,
  type Sandbox,
  StartError,
} from './runtime.ts';
import { mountsOf } from './volumes.ts';

/** Exit code of a container that could not be started, as containerd gives it. */
const startErrorCode = 128;
/**
 * How long until a container that says itself that it serves is reported as ready: whoever has a call
 * for it finds that out by asking it, and that call comes first.
 */
const readyReportMs = 20;
/** How long until a start is tried again that lacked something. */
const configRetryMs = 10_000;

export interface PodReport {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

/** What a container needs of its pod. */
export interface SlotOptions {
  readonly runtime: Runtime;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly container: Container;
  /** Init containers are started again only when they failed. */
  readonly init: boolean;
  /** Something has changed: the pod should look at its containers and write its status. */
  readonly changed: () => void;
  readonly report: (report: PodReport) => void;
}

/** The pod at the moment of a start. */
export interface SlotPod {
  readonly pod: Pod;
  readonly sandbox: Sandbox;
  readonly volumes: ReadonlyMap<string, string>;
  readonly facts: NodeFacts;
}

/** What to wait for before `advance` is called again; nothing when it will say `changed`. */
export interface SlotWait {
  readonly ms?: number;
  readonly missing?: ConfigRef;
}

/**
 * One container of a pod over all its starts.
 *
 * Owns the present start, its readiness probe, and when the next start is due.
 */
export class ContainerSlot {
  readonly #options: SlotOptions;
  readonly #backOff = new RestartBackOff();
  #attempt = -1;
  #running: RuntimeContainer | undefined;
  #current: ContainerRun | undefined;
  #previous: ContainerRun | undefined;
  #waiting: Refusal | undefined;
  #restartAt = 0;
  #ready = false;
  #probe: AbortController | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get exit(): ContainerExit | undefined {
    return this.#current?.exit;
  }

  get running(): RuntimeContainer | undefined {
    return this.#running;
  }

  /** Takes over a container that an earlier agent started, and found ready or not. */
  adopt(container: RuntimeContainer, sandbox: Sandbox, ready: boolean): void {
    this.#attempt = container.attempt;
    this.#ready = ready && container.exit() === undefined;
    this.#watch(container, sandbox);
  }

  /** Goes on counting where a status of the API left off, when nothing of it is left here. */
  resume(restartCount: number): void {
    if (this.#attempt < 0) this.#attempt = restartCount;
  }

  view(): ContainerView {
    const current = this.#current;
    return {
      container: this.#options.container,
      restartCount: Math.max(0, this.#attempt),
      current,
      previous: this.#previous,
      waiting: this.#waiting,
      ready: this.#options.init ? current?.exit?.exitCode === 0 : this.#ready,
    };
  }

  /** Shows why nothing is started yet. */
  hold(waiting: Refusal): void {
    if (this.#running === undefined) this.#waiting = waiting;
  }

  /** Starts or restarts the container if that is due. */
  async advance(slotPod: SlotPod, signal: AbortSignal): Promise<SlotWait | undefined> {
    if (this.#running !== undefined || !this.#isWanted(slotPod.pod)) return undefined;
    const { runtime, container, clock, report } = this.#options;
    const refusal = runtime.refuse(container);
    if (refusal !== undefined) {
      if (this.#waiting?.reason !== refusal.reason) {
        report({ type: 'Warning', ...refusal, container: container.name });
      }
      this.#waiting = refusal;
      return {};
    }
    const dueMs = this.#restartAt - clock.monotonic();
    if (dueMs > 0) return { ms: dueMs };
    try {
      await this.#start(slotPod, signal);
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof ConfigError) return this.#lacks(error);
      return this.#cannotStart(error as Error, slotPod.pod);
    }
  }

  /** Ends the probe; the container goes on. */
  close(): void {
    this.#probe?.abort();
  }

  #isWanted(pod: Pod): boolean {
    const exit = this.#current?.exit;
    if (exit === undefined) return true;
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (this.#options.init) return exit.exitCode !== 0 && policy !== 'Never';
    return policy === 'Always' || (policy === 'OnFailure' && exit.exitCode !== 0);
  }

  async #start({ pod, sandbox, volumes, facts }: SlotPod, signal: AbortSignal): Promise<void> {
    const { container, configuration, report } = this.#options;
    const env = await resolveEnvironment({ pod, container, facts, configuration });
    const words = (list: readonly string[] | undefined): readonly string[] =>
      (list ?? []).map((word) => expand(word, env));
    const cpu = limitOf(container, 'cpu');
    const spec: ContainerSpec = {
      name: container.name,
      attempt: this.#attempt + 1,
      image: container.image ?? '',
      command: words(container.command),
      args: words(container.args),
      env,
      workingDir: container.workingDir,
      mounts: await mountsOf(container, volumes, sandbox.owner),
      ports: (container.ports ?? []).map((each) => each.containerPort),
      memoryBytes: limitOf(container, 'memory'),
      milliCpu: cpu === undefined ? undefined : Math.round(cpu * 1000),
      hostname: pod.spec.hostname ?? pod.metadata.name,
      terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
      messageFromLogs: container.terminationMessagePolicy === 'FallbackToLogsOnError',
    };
    const started = await sandbox.start(spec, signal);
    this.#attempt = spec.attempt;
    this.#watch(started, sandbox);
    const message = `Started container ${container.name}`;
    report({ type: 'Normal', reason: 'Started', message, container: container.name });
  }

  #watch(container: RuntimeContainer, sandbox: Sandbox): void {
    const exit = container.exit();
    if (this.#current?.exit !== undefined) this.#previous = this.#current;
    this.#waiting = undefined;
    this.#current = { id: container.id, startedAt: container.startedAt, exit };
    if (exit !== undefined) return;
    this.#running = container;
    void container.exited.then((end) => this.#ended(container, end));
    if (this.#options.init) return;
    const setReady = (ready: boolean): void => {
      if (this.#running !== container || this.#ready === ready) return;
      this.#ready = ready;
      this.#options.changed();
    };
    const probe = readinessProbe(this.#options.container);
    if (container.notifies) {
      void container.ready.then(() => setTimeout(() => setReady(true), readyReportMs).unref());
    } else if (probe === undefined) {
      this.#ready = true;
    } else {
      if (probe.action.kind === 'unsupported') this.#reportUnsupported();
      this.#probe = new AbortController();
      const loop = {
        probe,
        address: sandbox.address,
        clock: this.#options.clock,
        ready: this.#ready,
        owns: (port: number) => sandbox.listensOn(port),
        report: setReady,
      };
      runProbe(loop, this.#probe.signal).catch(() => setReady(false));
    }
  }

  #ended(container: RuntimeContainer, exit: ContainerExit): void {
    this.#probe?.abort();
    this.#running = undefined;
    this.#ready = false;
    this.#current = { id: container.id, startedAt: container.startedAt, exit };
    this.#delay(exit.finishedAt - container.startedAt);
    this.#options.changed();
  }

  #delay(ranMs: number): void {
    this.#restartAt = this.#options.clock.monotonic() + this.#backOff.next(ranMs);
  }

  /** Shows the back-off of a container that waits for its next start. */
  showBackOff(pod: Pod): void {
    const { clock, container, report } = this.#options;
    const leftMs = this.#restartAt - clock.monotonic();
    if (this.#running !== undefined || this.#current?.exit === undefined || leftMs <= 0) return;
    if (!this.#isWanted(pod) || this.#waiting?.reason === 'CrashLoopBackOff') return;
    const { name, namespace, uid } = pod.metadata;
    const delay = formatDelay(leftMs);
    this.#waiting = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${delay} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`,
    };
    report({
      type: 'Warning',
      reason: 'BackOff',
      message: `Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`,
      container: container.name,
    });
  }

  #lacks(error: ConfigError): SlotWait {
    const { container, report } = this.#options;
    this.#waiting = { reason: 'CreateContainerConfigError', message: error.message };
    report({
      type: 'Warning',
      reason: 'Failed',
      message: `Error: ${error.message}`,
      container: container.name,
    });
    return {
      ms: configRetryMs,
      ...(error.missing === undefined ? {} : { missing: error.missing }),
    };
  }

  #cannotStart(error: Error, pod: Pod): SlotWait {
    const { container, clock, report } = this.#options;
    const now = clock.now();
    const message = error instanceof StartError ? error.message : String(error);
    if (this.#current !== undefined) this.#previous = this.#current;
    this.#attempt += 1;
    this.#waiting = undefined;
    this.#current = {
      id: undefined,
      startedAt: undefined,
      exit: { exitCode: startErrorCode, reason: 'StartError', message, finishedAt: now },
    };
    report({
      type: 'Warning',
      reason: 'Failed',
      message: `Error: failed to start container "${container.name}": ${message}`,
      container: container.name,
    });
    this.#delay(0);
    return this.#isWanted(pod) ? { ms: this.#restartAt - clock.monotonic() } : {};
  }

  #reportUnsupported(): void {
    const { container, report } = this.#options;
    report({
      type: 'Warning',
      reason: 'Unhealthy',
      message: 'Readiness probe is of a kind that is not supported: use httpGet or tcpSocket',
      container: container.name,
    });
  }
}

function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
