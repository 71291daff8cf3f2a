import { isDeepStrictEqual } from 'node:util';
import { isStatus, type Pod } from '../api/index.ts';
import type { EventRecorder, ResourceClient } from '../client/index.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { aborted } from '../lib/wait.ts';
import { ConfigError, type ConfigRef, type Configuration, readAhead } from './configuration.ts';
import { graceOf, type PodReport, type SlotWait } from './container-slot.ts';
import type { SlotPod } from './container-spec.ts';
import type { NodeFacts } from './downward.ts';
import { PodContainers } from './pod-containers.ts';
import { isTerminal, podStatus, type PodView } from './pod-status.ts';
import type { Runtime, Sandbox } from './runtime.ts';
import { StatusWriter } from './status-writer.ts';
import { VolumeUpdates } from './volume-updates.ts';
import { makeVolumes, volumeSources, type Volumes } from './volumes.ts';

export interface PodWorkerOptions {
  readonly runtime: Runtime;
  readonly configuration: Configuration;
  readonly pods: ResourceClient<Pod>;
  readonly recorder: EventRecorder;
  readonly facts: Omit<NodeFacts, 'podIP'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Grace of a pod whose object is gone already. */
const vanishedGraceMs = 1000;
const volumeRetryMs = 10_000;
/** At most this long is the API server waited for when the agent itself ends. */
const lastStatusMs = 1000;
/** Timers hold 31 bits. */
const longestTimerMs = 2 ** 31 - 1;
const deadlineExceeded = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

type Goal =
  | { readonly kind: 'run' }
  /** Stop, say so, and have the object removed; `object` is false when it is gone already. */
  | { readonly kind: 'terminate'; readonly graceMs: number; readonly object: boolean }
  /** Stop because the agent ends; the object stays. */
  | { readonly kind: 'suspend'; readonly graceMs: number }
  /** Let go; the containers go on. */
  | { readonly kind: 'leave' };

/**
 * Brings one pod to what its object says, and its status to what it is.
 *
 * Owns the pod's sandbox, its containers and the writer of its status.
 *
 * Invariants:
 * 1. One step at a time; whatever happens meanwhile makes another step.
 * 2. A goal never goes back: once a pod terminates nothing is started any more.
 * 3. The object is removed only after all containers have ended and that was written.
 */
export class PodWorker {
  readonly #options: PodWorkerOptions;
  readonly #status: StatusWriter;
  readonly #containers: PodContainers;
  readonly #updates: VolumeUpdates;
  /** Aborts starts when the pod is to end. */
  readonly #starting = new AbortController();
  readonly #end = new AbortController();
  readonly #startTime: number;
  #pod: Pod;
  #sandbox: Sandbox | undefined;
  #volumes: Volumes['paths'] | undefined;
  #goal: Goal = { kind: 'run' };
  #failure: PodView['failure'];
  #wake: (() => void) | undefined;
  #changed = true;

  constructor(pod: Pod, sandbox: Sandbox | undefined, options: PodWorkerOptions) {
    this.#options = options;
    this.#pod = pod;
    this.#sandbox = sandbox;
    this.#startTime = Date.parse(pod.status?.startTime ?? '') || options.clock.now();
    this.#status = new StatusWriter(pod, options, this.#end.signal);
    const { runtime, configuration, clock } = options;
    this.#updates = new VolumeUpdates({
      configuration,
      update: () => this.#makeVolumes(configuration),
      log: options.log,
    });
    this.#containers = new PodContainers({
      pod,
      sandbox,
      runtime,
      configuration,
      clock,
      changed: () => this.#poke(),
      report: (report) => this.#report(report),
    });
    if (pod.metadata.deletionTimestamp !== undefined) this.#terminateBy(pod, true);
  }

  get uid(): string {
    return this.#pod.metadata.uid ?? '';
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Takes a newer version of the object. */
  update(pod: Pod): void {
    const before = this.#pod.metadata;
    this.#pod = pod;
    // Files of the downward API tell these.
    const { labels, annotations } = pod.metadata;
    const moved = !isDeepStrictEqual([before.labels, before.annotations], [labels, annotations]);
    if (moved && this.#volumes !== undefined) this.#updates.check();
    if (pod.metadata.deletionTimestamp !== undefined) this.#terminateBy(pod, false);
    this.#poke();
  }

  /** The object is gone, by force or together with its namespace. */
  vanish(): void {
    this.#aim({ kind: 'terminate', graceMs: vanishedGraceMs, object: false });
  }

  /** The agent ends and its pods with it: what terminates already gets no more time than that. */
  suspend(graceMs: number): void {
    const goal = this.#goal;
    if (goal.kind !== 'terminate') this.#aim({ kind: 'suspend', graceMs });
    else this.#aim({ ...goal, graceMs: Math.min(graceMs, goal.graceMs) });
  }

  leave(): void {
    this.#aim({ kind: 'leave' });
  }

  /** Waits for nothing any more, the API server least of all. */
  abandon(): void {
    this.leave();
    this.#end.abort(new Error('The agent ends'));
    this.#poke();
  }

  /** Works until the pod is gone or the agent lets go of it. */
  async run(): Promise<void> {
    const failures = new BackOff();
    try {
      while (this.#goal.kind === 'run') {
        this.#changed = false;
        let waits: readonly SlotWait[];
        try {
          waits = await this.#step();
          failures.reset();
        } catch (error) {
          if (!this.#starting.signal.aborted) this.#warn('Cannot bring the pod up', error);
          waits = [{ ms: failures.next() }];
        }
        if (this.#goal.kind === 'run') this.#publish(false);
        await this.#wait(waits);
      }
      await this.#finish();
    } finally {
      this.#end.abort(new Error('The pod is done'));
      this.#containers.close();
    }
  }

  async #step(): Promise<readonly SlotWait[]> {
    if (this.#isOver()) return [{}];
    const pod = this.#pod;
    const deadlineMs = this.#deadlineLeft();
    const done = this.#containers.isDone(pod);
    if (!done && deadlineMs <= 0) this.#fail(deadlineExceeded);
    if (done || this.#failure !== undefined) {
      // Sidecars are all that may still run, or whatever the deadline cuts off.
      void this.#containers.stop(graceOf(pod));
      return [{}];
    }
    const slotPod = await this.#prepare();
    const waits =
      'ms' in slotPod ? [slotPod] : await this.#containers.advance(slotPod, this.#starting.signal);
    return deadlineMs === Number.POSITIVE_INFINITY ? waits : [...waits, { ms: deadlineMs }];
  }

  /** How long until the pod's deadline. */
  #deadlineLeft(): number {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined) return Number.POSITIVE_INFINITY;
    const endsAt = this.#startTime + activeDeadlineSeconds * 1000;
    return Math.min(longestTimerMs, endsAt - this.#options.clock.now());
  }

  #fail(failure: NonNullable<PodView['failure']>): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    // Of one that had failed before this agent came it was told.
    if (!isTerminal(this.#pod.status?.phase)) this.#report({ type: 'Normal', ...failure });
  }

  /** The sandbox with its volumes, or when to try again. */
  async #prepare(): Promise<SlotPod | (SlotWait & { readonly ms: number })> {
    const { runtime, configuration } = this.#options;
    const pod = this.#pod;
    const { uid = '', namespace = 'default', name } = pod.metadata;
    const needed = this.#volumes === undefined ? volumeSources(pod) : [];
    const reading = readAhead(configuration, needed);
    if (this.#sandbox === undefined) {
      const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
      this.#sandbox = await runtime.openSandbox({
        pod: { uid, namespace, name },
        images: all.map((each) => each.image ?? ''),
        ports: all.flatMap((each) => (each.ports ?? []).map((port) => port.containerPort)),
      });
    }
    const sandbox = this.#sandbox;
    try {
      if (this.#volumes === undefined) {
        const { paths, sources } = await this.#makeVolumes(reading);
        this.#volumes = paths;
        this.#updates.follow(sources);
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#containers.hold({ reason: 'ContainerCreating', message: error.message });
      const message = `MountVolume.SetUp failed: ${error.message}`;
      this.#report({ type: 'Warning', reason: 'FailedMount', message });
      const { missing } = error;
      return { ms: volumeRetryMs, ...(missing === undefined ? {} : { missing }) };
    }
    return { pod, sandbox, volumes: this.#volumes, facts: this.#facts(sandbox) };
  }

  async #makeVolumes(configuration: Configuration): Promise<Volumes> {
    const sandbox = this.#sandbox;
    if (sandbox === undefined) return { paths: new Map(), sources: [] };
    return makeVolumes({
      pod: this.#pod,
      folder: sandbox.volumesFolder,
      owner: sandbox.owner,
      facts: this.#facts(sandbox),
      configuration,
    });
  }

  #facts({ address }: Sandbox): NodeFacts {
    return { ...this.#options.facts, podIP: address };
  }

  /** Stops everything according to the goal. */
  async #finish(): Promise<void> {
    const goal = this.#goal;
    this.#updates.close();
    if (goal.kind === 'leave' || goal.kind === 'run') return;
    await Promise.race([this.#stopped(goal.graceMs), aborted(this.#end.signal)]);
    // The goal may have grown from suspending to terminating meanwhile, never back.
    const last = this.#goal;
    if (last.kind === 'suspend') {
      this.#publish(false);
      const { clock } = this.#options;
      const enough = clock.sleep(lastStatusMs, this.#end.signal).catch(() => undefined);
      await Promise.race([this.#status.flushed(), enough]);
    }
    if (last.kind !== 'terminate' || this.#end.signal.aborted) return;
    const removed = this.#sandbox?.remove();
    if (last.object) {
      this.#publish(true);
      await this.#status.flushed();
      await this.#deleteObject();
    }
    await removed;
  }

  /** Ends the containers; what changes while some of them still run is told. */
  async #stopped(graceMs: number): Promise<void> {
    const stopped = this.#containers.stop(graceMs).then(() => true);
    const changed = (): Promise<boolean> => {
      this.#changed = false;
      return this.#wait([]).then(() => false);
    };
    while (!(await Promise.race([stopped, changed()]))) {
      if (this.#containers.isRunning && !this.#end.signal.aborted) this.#publish(false);
    }
  }

  async #deleteObject(): Promise<void> {
    const { namespace = 'default', name } = this.#pod.metadata;
    const backOff = new BackOff();
    while (this.#goal.kind === 'terminate' && this.#goal.object && !this.#end.signal.aborted) {
      try {
        const options = { gracePeriodSeconds: 0, preconditions: { uid: this.uid } };
        await this.#options.pods.delete({ namespace, name }, options);
        return;
      } catch (error) {
        if (isStatus(error, 'NotFound', 'Conflict')) return;
        this.#warn('Cannot remove the object of a pod that has ended, trying again', error);
        this.#changed = false;
        await this.#wait([{ ms: backOff.next() }]);
      }
    }
  }

  /** Whether the pod has ended before this agent came, and nothing of it is left here. */
  #isOver(): boolean {
    return isTerminal(this.#pod.status?.phase) && this.#sandbox === undefined;
  }

  #publish(final: boolean): void {
    if (this.#isOver()) return;
    const { facts, clock } = this.#options;
    this.#status.write(
      podStatus({
        pod: this.#pod,
        ...this.#containers.views(),
        podIP: this.#sandbox?.address,
        hostIP: facts.hostIP,
        startTime: this.#startTime,
        final,
        failure: this.#failure,
        now: clock.now(),
      }),
    );
  }

  /** Waits until something changes, the earliest time is up, or what is missing has appeared. */
  async #wait(waits: readonly SlotWait[]): Promise<void> {
    if (this.#changed) return;
    const stop = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const times = waits.flatMap(({ ms }) => ms ?? []);
    const timer = times.length === 0 ? undefined : setTimeout(resolve, Math.min(...times));
    for (const { missing } of waits) {
      if (missing !== undefined) this.#await(missing, stop.signal, resolve);
    }
    await promise;
    this.#wake = undefined;
    clearTimeout(timer);
    stop.abort(new Error('No longer missing'));
  }

  #await(missing: ConfigRef, signal: AbortSignal, resolve: () => void): void {
    // When the watch fails, the timer beside it is what tries again.
    this.#options.configuration.changed(missing, signal).then(resolve, () => undefined);
  }

  #poke(): void {
    this.#changed = true;
    this.#wake?.();
  }

  #terminateBy(pod: Pod, first: boolean): void {
    const { deletionTimestamp = '', deletionGracePeriodSeconds } = pod.metadata;
    const fullMs =
      deletionGracePeriodSeconds === undefined ? graceOf(pod) : deletionGracePeriodSeconds * 1000;
    const leftMs = Date.parse(deletionTimestamp) - this.#options.clock.now();
    // Found terminating at start: part of the grace has passed while no agent was there.
    const graceMs = first ? Math.min(fullMs, Math.max(leftMs, 0)) : fullMs;
    this.#aim({ kind: 'terminate', graceMs, object: true });
  }

  #aim(goal: Goal): void {
    const rank = { run: 0, leave: 1, suspend: 2, terminate: 3 };
    const before = this.#goal;
    if (rank[goal.kind] < rank[before.kind]) return;
    if (goal.kind === 'terminate' && before.kind === 'terminate') {
      if (goal.graceMs >= before.graceMs && goal.object === before.object) return;
      const graceMs = Math.min(goal.graceMs, before.graceMs);
      this.#goal = { ...goal, graceMs, object: goal.object && before.object };
      void this.#containers.stop(graceMs);
    } else {
      this.#goal = goal;
    }
    if (goal.kind !== 'run') this.#starting.abort(new Error('The pod is to end'));
    this.#poke();
  }

  #report(report: PodReport): void {
    const { container, ...rest } = report;
    const part = this.#pod.spec.initContainers?.some((each) => each.name === container)
      ? 'initContainers'
      : 'containers';
    this.#options.recorder.report(
      this.#pod,
      container === undefined ? rest : { ...rest, fieldPath: `spec.${part}{${container}}` },
    );
  }

  #warn(message: string, error: unknown): void {
    const { namespace, name } = this.#pod.metadata;
    this.#options.log.warn(message, { pod: `${namespace}/${name}`, error: String(error) });
  }
}
