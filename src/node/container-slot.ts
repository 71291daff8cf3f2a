import type { Container, Pod } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import { ConfigError, type ConfigRef, type Configuration } from './configuration.ts';
import { ContainerLife } from './container-life.ts';
import { containerSpec, type SlotPod } from './container-spec.ts';
import type { ContainerRun, ContainerView } from './pod-status.ts';
import { RestartBackOff } from './restart-back-off.ts';
import {
  type ContainerExit,
  type Refusal,
  type Runtime,
  type RuntimeContainer,
  StartError,
} from './runtime.ts';

/** Exit code of a container that could not be started, as containerd gives it. */
const startErrorCode = 128;
const defaultGraceSeconds = 30;
/** State of a container whose postStart hook runs. */
const creating: Refusal = { reason: 'ContainerCreating', message: '' };
/** How long until a start is tried again that lacked something. */
const configRetryMs = 10_000;

export interface PodReport {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

/**
 * Init containers end before the next one starts; sidecars are those that go on beside it and are
 * always started again.
 */
export type ContainerRole = 'init' | 'sidecar' | 'main';

/** What a container needs of its pod. */
export interface SlotOptions {
  readonly runtime: Runtime;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly container: Container;
  readonly role: ContainerRole;
  /** Something has changed: the pod should look at its containers and write its status. */
  readonly changed: () => void;
  readonly report: (report: PodReport) => void;
}

/** The pod that a container was started for. */
type AdoptedPod = Pick<SlotPod, 'pod' | 'sandbox'>;

/** What an earlier agent had found of a container. */
interface Known {
  readonly ready: boolean;
  readonly started: boolean;
}

/** What to wait for before `advance` is called again; nothing when it will say `changed`. */
export interface SlotWait {
  readonly ms?: number;
  readonly missing?: ConfigRef;
}

/**
 * One container of a pod over all its starts.
 *
 * Owns the present start, and when the next one is due.
 */
export class ContainerSlot {
  readonly #options: SlotOptions;
  readonly #backOff = new RestartBackOff();
  #attempt = -1;
  #life: ContainerLife | undefined;
  #current: ContainerRun | undefined;
  #previous: ContainerRun | undefined;
  #waiting: Refusal | undefined;
  #restartAt = 0;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.container.name;
  }

  get role(): ContainerRole {
    return this.#options.role;
  }

  get exit(): ContainerExit | undefined {
    return this.#current?.exit;
  }

  /** The start that runs. */
  get life(): ContainerLife | undefined {
    return this.#life;
  }

  get hasPostStart(): boolean {
    return this.#options.container.lifecycle?.postStart !== undefined;
  }

  /** Whether it was ever started, or could not be. */
  get wasStarted(): boolean {
    return this.#attempt >= 0;
  }

  /** Takes over a container that an earlier agent started, and found ready or not. */
  adopt({ pod, sandbox }: AdoptedPod, container: RuntimeContainer, known: Known): void {
    this.#attempt = container.attempt;
    this.#watch({ pod, sandbox }, container, known);
  }

  /** Goes on counting where a status of the API left off, when nothing of it is left here. */
  resume(restartCount: number): void {
    if (this.#attempt < 0) this.#attempt = restartCount;
  }

  view(): ContainerView {
    const current = this.#current;
    const { container, role } = this.#options;
    return {
      container,
      restartCount: Math.max(0, this.#attempt),
      current,
      previous: this.#previous,
      waiting: this.#life?.isStarting === true ? creating : this.#waiting,
      ready: role === 'init' ? current?.exit?.exitCode === 0 : this.#life?.ready === true,
      started: this.#life?.started === true,
      sidecar: role === 'sidecar',
    };
  }

  /** Shows why nothing is started yet. */
  hold(waiting: Refusal): void {
    if (this.#life === undefined) this.#waiting = waiting;
  }

  /** Starts or restarts the container if that is due. */
  async advance(slotPod: SlotPod, signal: AbortSignal): Promise<SlotWait | undefined> {
    if (this.#life !== undefined || !this.isWanted(slotPod.pod)) return undefined;
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

  /** Looks after it no longer; the container goes on. */
  close(): void {
    this.#life?.close();
  }

  /** Whether it is to be started (again) by the rules of restarts; also true while it runs. */
  isWanted(pod: Pod): boolean {
    const exit = this.#current?.exit;
    if (exit === undefined) return true;
    const { role } = this.#options;
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (role === 'sidecar') return true;
    if (role === 'init') return exit.exitCode !== 0 && policy !== 'Never';
    return policy === 'Always' || (policy === 'OnFailure' && exit.exitCode !== 0);
  }

  async #start(slotPod: SlotPod, signal: AbortSignal): Promise<void> {
    const { container, configuration, report } = this.#options;
    const attempt = this.#attempt + 1;
    const spec = await containerSpec(slotPod, { container, configuration, attempt });
    const started = await slotPod.sandbox.start(spec, signal);
    this.#attempt = attempt;
    const message = `Started container ${container.name}`;
    report({ type: 'Normal', reason: 'Started', message, container: container.name });
    this.#watch(slotPod, started, undefined);
  }

  #watch(slotPod: AdoptedPod, running: RuntimeContainer, known: Known | undefined): void {
    const { container, clock, changed, report } = this.#options;
    const { sandbox } = slotPod;
    const exit = running.exit();
    if (this.#current?.exit !== undefined) this.#previous = this.#current;
    this.#waiting = undefined;
    this.#current = { id: running.id, startedAt: running.startedAt, exit };
    if (exit !== undefined) return;
    const life = new ContainerLife({
      container,
      running,
      sandbox,
      clock,
      adopted: known,
      graceMs: () => graceOf(slotPod.pod),
      restarts: () => container.restartPolicy === 'Always' || restartsFailed(slotPod.pod),
      changed,
      report: (each) => report({ ...each, container: container.name }),
    });
    this.#life = life;
    void running.exited.then((end) => this.#ended(life, end));
  }

  #ended(life: ContainerLife, exit: ContainerExit): void {
    const { id, startedAt } = life.running;
    life.close();
    this.#life = undefined;
    this.#current = { id, startedAt, exit };
    this.#delay(exit.finishedAt - startedAt);
    this.#options.changed();
  }

  #delay(ranMs: number): void {
    this.#restartAt = this.#options.clock.monotonic() + this.#backOff.next(ranMs);
  }

  /** Shows the back-off of a container that waits for its next start. */
  showBackOff(pod: Pod): void {
    const { clock, container, report } = this.#options;
    const leftMs = this.#restartAt - clock.monotonic();
    if (this.#life !== undefined || this.#current?.exit === undefined || leftMs <= 0) return;
    if (!this.isWanted(pod) || this.#waiting?.reason === 'CrashLoopBackOff') return;
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
    return this.isWanted(pod) ? { ms: this.#restartAt - clock.monotonic() } : {};
  }
}

/** How long a pod's containers may take to end, unless its deletion says otherwise. */
export function graceOf({ spec }: Pod): number {
  return (spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
}

function restartsFailed({ spec }: Pod): boolean {
  return spec.restartPolicy !== 'Never';
}

function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
