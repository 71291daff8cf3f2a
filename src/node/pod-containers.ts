import type { Pod } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Configuration } from './configuration.ts';
import {
  type ContainerRole,
  ContainerSlot,
  type PodReport,
  type SlotWait,
} from './container-slot.ts';
import type { SlotPod } from './container-spec.ts';
import type { ContainerView } from './pod-status.ts';
import type { Refusal, Runtime, Sandbox } from './runtime.ts';

export interface PodContainersOptions {
  readonly pod: Pod;
  /** Holds what an earlier agent has started of the pod. */
  readonly sandbox: Sandbox | undefined;
  readonly runtime: Runtime;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly changed: () => void;
  readonly report: (report: PodReport) => void;
}

/**
 * The containers of a pod, in the order of their starts and ends.
 *
 * Invariants:
 * 1. An init container starts when those before it have ended well, or run if they are sidecars.
 * 2. Once a main container was started no init container that has to end is run again.
 * 3. Sidecars are signalled after all others have ended, the last one first.
 */
export class PodContainers {
  readonly #options: PodContainersOptions;
  readonly #init: readonly ContainerSlot[];
  readonly #main: readonly ContainerSlot[];

  constructor(options: PodContainersOptions) {
    this.#options = options;
    this.#init = this.#slots('initContainers');
    this.#main = this.#slots('containers');
  }

  get #all(): readonly ContainerSlot[] {
    return [...this.#init, ...this.#main];
  }

  get isRunning(): boolean {
    return this.#all.some(({ life }) => life !== undefined);
  }

  views(): { readonly init: readonly ContainerView[]; readonly main: readonly ContainerView[] } {
    const view = (slot: ContainerSlot): ContainerView => slot.view();
    return { init: this.#init.map(view), main: this.#main.map(view) };
  }

  /** Shows why nothing is started yet. */
  hold(waiting: Refusal): void {
    for (const slot of this.#all) slot.hold(waiting);
  }

  /** Whether everything but sidecars has ended and stays so. */
  isDone(pod: Pod): boolean {
    const failed = (slot: ContainerSlot): boolean =>
      slot.role === 'init' && slot.exit !== undefined && slot.exit.exitCode !== 0;
    if (!this.#mainStarted() && this.#init.some((slot) => failed(slot) && !slot.isWanted(pod))) {
      return true;
    }
    return this.#main.every((slot) => slot.exit !== undefined && !slot.isWanted(pod));
  }

  /** Starts and restarts what is due; what to wait for before the next time. */
  async advance(slotPod: SlotPod, signal: AbortSignal): Promise<readonly SlotWait[]> {
    const waits: SlotWait[] = [];
    for (const slot of this.#init) {
      const over = slot.role === 'init' && (slot.exit?.exitCode === 0 || this.#mainStarted());
      if (over) continue;
      slot.showBackOff(slotPod.pod);
      const wait = await slot.advance(slotPod, signal);
      if (wait !== undefined) waits.push(wait);
      if (slot.life?.started === true && slot.role === 'sidecar') continue;
      if (this.#mainStarted()) continue;
      for (const main of this.#main) main.hold({ reason: 'PodInitializing', message: '' });
      return waits;
    }
    return [...waits, ...(await this.#advanceMain(slotPod, signal))];
  }

  /** In order: those after a container with a postStart hook wait until the hook has ended. */
  async #advanceMain(slotPod: SlotPod, signal: AbortSignal): Promise<readonly SlotWait[]> {
    const advancing: Promise<SlotWait | undefined>[] = [];
    for (const slot of this.#main) {
      slot.showBackOff(slotPod.pod);
      advancing.push(slot.advance(slotPod, signal));
      if (!slot.hasPostStart) continue;
      await Promise.all(advancing);
      if (slot.life?.isStarting === true) break;
    }
    return (await Promise.all(advancing)).filter((wait) => wait !== undefined);
  }

  /** Ends all within `graceMs`; again with less to hurry. */
  async stop(graceMs: number): Promise<void> {
    for (const { life, name } of this.#all) {
      if (life === undefined || life.isStopping) continue;
      const message = `Stopping container ${name}`;
      this.#options.report({ type: 'Normal', reason: 'Killing', message, container: name });
    }
    const sidecars = this.#init.filter(({ role }) => role === 'sidecar');
    const others = this.#all.filter(({ role }) => role !== 'sidecar');
    let turn: Promise<unknown> = Promise.all(
      others.flatMap(({ life }) => life?.stop(graceMs) ?? []),
    );
    for (const { life } of sidecars.toReversed()) {
      turn = Promise.all([turn, life?.stop(graceMs, turn)]);
    }
    await turn;
  }

  close(): void {
    for (const slot of this.#all) slot.close();
  }

  #mainStarted(): boolean {
    return this.#main.some((slot) => slot.wasStarted);
  }

  #slots(part: 'initContainers' | 'containers'): readonly ContainerSlot[] {
    const { pod, sandbox, runtime, configuration, clock, changed, report } = this.#options;
    const { initContainerStatuses, containerStatuses } = pod.status ?? {};
    const statuses = part === 'initContainers' ? initContainerStatuses : containerStatuses;
    return (pod.spec[part] ?? []).map((container) => {
      let role: ContainerRole = 'main';
      if (part === 'initContainers') {
        role = container.restartPolicy === 'Always' ? 'sidecar' : 'init';
      }
      const options = { runtime, configuration, clock, container, role, changed, report };
      const slot = new ContainerSlot(options);
      const known = sandbox?.containers().find((each) => each.name === container.name);
      const status = statuses?.find((each) => each.name === container.name);
      if (known !== undefined && sandbox !== undefined) {
        const was = { ready: status?.ready === true, started: status?.started === true };
        slot.adopt({ pod, sandbox }, known, was);
      }
      if (status?.containerID !== undefined) slot.resume(status.restartCount);
      return slot;
    });
  }
}
