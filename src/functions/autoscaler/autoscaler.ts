import type { FunctionObject, DemandMessage, Pod, ReplicaSet } from '../../api/index.ts';
import { isStatus } from '../../api/index.ts';
import type { Client, Informer } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { WorkQueue } from '../../lib/work-queue.ts';
import type { Resolved } from '../blueprint.ts';
import type { FunctionObjects } from '../function-objects.ts';
import { isLive, revisionOf, rolesOf } from '../roles.ts';
import { lastInvokedStepMs } from '../function-status.ts';
import type { DemandFigures, FunctionsMetrics } from '../functions-metrics.ts';
import { gaining, trafficOf } from '../traffic.ts';
import type { WarmPools } from '../warm-pool/warm-pools.ts';
import { DemandLedger } from './demand-ledger.ts';
import { FunctionScale, type Moment } from './function-scale.ts';
import { planScale, type ScaleStep } from './scale-plan.ts';
import { ScaleWriter } from './scale-writer.ts';

export interface AutoscalerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly functions: Informer<FunctionObject>;
  readonly objects: FunctionObjects;
  readonly resolve: (fn: FunctionObject) => Resolved;
  readonly pools: WarmPools;
  readonly metrics: FunctionsMetrics;
  /** How long a gateway may be away before its requests count as gone. */
  readonly gatewayGraceMs: number;
  /** Called when the time of a function's last call should be written down. */
  readonly onInvoked: (key: string) => void;
}

const sampleMs = 1000;
/** So many functions are scaled at once; each waits for writes of its own only. */
const concurrency = 1024;

/**
 * Scales the ReplicaSets of Functions by the demand that gateways report.
 *
 * Owns the ledger of demand and the memory of each function; alone writes `spec.replicas` of
 * functions' ReplicaSets and marks their pods as draining.
 *
 * Invariants:
 * 1. A poke is acted upon in the turn of the event loop in which it came, whatever other functions do.
 * 2. One function is worked on by one at a time; what comes meanwhile is looked at afterwards.
 * 3. What decides is what was seen or written last, and each write is refused by the API server when
 *    that was out of date: by the ReplicaSet's generation, by the pod's resourceVersion.
 * 4. A ReplicaSet is lowered only after its pods have been listed anew.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  readonly #ledger: DemandLedger;
  readonly #queue: WorkQueue;
  readonly #writer: ScaleWriter;
  readonly #scales = new Map<string, FunctionScale>();
  /** Functions whose demand is sampled each second. */
  readonly #awake = new Set<string>();

  constructor(options: AutoscalerOptions) {
    const { clock, log, gatewayGraceMs } = options;
    this.#options = options;
    this.#writer = new ScaleWriter(options);
    this.#ledger = new DemandLedger(clock.monotonic(), gatewayGraceMs);
    this.#queue = new WorkQueue({ clock, log, concurrency }, (key) => this.#reconcile(key));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { functions, objects } = this.#options;
    const look = (fn: FunctionObject): void => {
      this.#queue.add(`${fn.metadata.namespace ?? ''}/${fn.metadata.name}`);
    };
    const unhandle = [
      functions.handle({ added: look, updated: look, deleted: look }),
      objects.handle((key) => this.#queue.add(key)),
      objects.pods.handle({ deleted: (pod) => this.#ledger.forgetPod(pod.metadata.uid ?? '') }),
    ];
    try {
      await Promise.all([this.#queue.run(signal), this.#sample(signal)]);
    } finally {
      for (const stop of unhandle) stop();
    }
  }

  connect(gateway: string, connection: symbol): void {
    this.#options.log.info('A gateway has connected', { gateway });
    this.#ledger.connect(gateway, connection, this.#options.clock.monotonic());
  }

  disconnect(gateway: string, connection: symbol): void {
    this.#options.log.info('A gateway has gone', { gateway });
    this.#ledger.disconnect(gateway, connection, this.#options.clock.monotonic());
  }

  take(gateway: string, message: DemandMessage): void {
    const now = this.#options.clock.monotonic();
    const woken = this.#ledger.take(gateway, message, now);
    if (message.kind === 'poke') this.#options.metrics.poked(message.function, now);
    for (const key of woken) {
      this.#awake.add(key);
      this.#queue.add(key);
    }
    if (message.kind === 'drained') this.#lookAtDrained(message.pods);
  }

  /** Pods that the requests of this moment need, of those for the latest revision. */
  neededPods(key: string, perPod: number): number {
    const { requests } = this.#ledger.demand(key, this.#options.clock.monotonic(), [undefined]);
    return Math.ceil(requests / perPod);
  }

  /** Pods that all requests of this moment need. */
  neededInAll(key: string, perPod: number): number {
    const { requests } = this.#ledger.demand(key, this.#options.clock.monotonic());
    return Math.ceil(requests / perPod);
  }

  /** Wall time of the function's last activity, as far as the gateways have told. */
  lastInvokedMs(key: string): number | undefined {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const { lastActiveMs } = this.#ledger.demand(key, now);
    return lastActiveMs === undefined || lastActiveMs === Number.NEGATIVE_INFINITY
      ? undefined
      : clock.now() - (now - lastActiveMs);
  }

  /** Gateways that are connected. */
  get gateways(): number {
    return this.#ledger.connected;
  }

  /** The functions that are awake. */
  figures(): readonly DemandFigures[] {
    const now = this.#options.clock.monotonic();
    return Array.from(this.#awake, (key) => ({
      key,
      requests: this.#ledger.demand(key, now).requests,
      panicking: this.#scales.get(key)?.panicking ?? false,
    }));
  }

  #lookAtDrained(marks: readonly string[]): void {
    for (const mark of marks) {
      const key = this.#options.objects.functionOfPod(mark.split('@', 1)[0] ?? '');
      if (key !== undefined) this.#queue.add(key);
    }
  }

  async #sample(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(sampleMs, signal).catch(() => undefined);
      for (const key of signal.aborted ? [] : this.#awake) {
        const moment = this.#moment(key);
        if (moment !== undefined) {
          this.#scaleOf(key).record(moment);
          if (this.#isInvokedDue(key, moment.fn)) this.#options.onInvoked(key);
        }
        this.#queue.add(key);
      }
    }
  }

  #isInvokedDue(key: string, fn: FunctionObject): boolean {
    const lastMs = this.lastInvokedMs(key);
    const written = Date.parse(fn.status?.lastInvoked ?? '') || 0;
    return lastMs !== undefined && lastMs - written >= lastInvokedStepMs;
  }

  #scaleOf(key: string): FunctionScale {
    let scale = this.#scales.get(key);
    if (scale === undefined) {
      scale = new FunctionScale();
      this.#scales.set(key, scale);
    }
    return scale;
  }

  #moment(key: string): Moment | undefined {
    const { clock, functions, objects, resolve } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const cached = functions.get({ namespace, name });
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) return undefined;
    const fn = objects.latestFunction(cached);
    const resolved = resolve(fn);
    const wanted = resolved.kind === 'valid' ? resolved.blueprint.revision : undefined;
    const nowMs = clock.monotonic();
    const sets = objects.setsOf(fn);
    const roles = rolesOf(fn, wanted, sets);
    return {
      fn,
      settings: resolved.settings,
      roles,
      traffic: trafficOf(fn, sets, roles.active),
      demandOf: (revisions) => this.#ledger.demand(key, nowMs, revisions),
      podsOf: (set) => objects.podsOf(set),
      isDrained: (uid, since) => this.#ledger.isDrained(uid, since, nowMs),
      nowMs,
      wallMs: clock.now(),
    };
  }

  async #reconcile(key: string): Promise<void> {
    const moment = this.#moment(key);
    if (moment === undefined) {
      this.#scales.delete(key);
      this.#awake.delete(key);
      this.#ledger.forgetFunction(key);
      return;
    }
    const { roles } = moment;
    const sets = [roles.active, roles.candidate, ...roles.retired].filter(
      (set) => set !== undefined,
    );
    for (const set of sets) {
      const steps = this.#plan(key, moment, set);
      if (steps.length > 0 && !(await this.#carryOut(key, moment, set, steps))) return;
    }
    this.#options.metrics.settled(key);
    this.#scaleOf(key).forget(sets, moment.podsOf);
    this.#ledger.keepRevisions(key, (name) => sets.some((set) => revisionOf(set) === name));
    this.#follow(key, sets);
  }

  #plan(
    key: string,
    moment: Moment,
    set: ReplicaSet,
    pods: readonly Pod[] = moment.podsOf(set),
  ): readonly ScaleStep[] {
    const scale = this.#scaleOf(key);
    return planScale(scale.view(moment, set, pods), scale.wanted(moment, set));
  }

  /** Samples the function as long as time alone can change what is wanted. */
  #follow(key: string, sets: readonly ReplicaSet[]): void {
    const { objects, clock } = this.#options;
    const isUp = sets.some(
      (set) => objects.latestSet(set).spec.replicas !== 0 || objects.podsOf(set).some(isLive),
    );
    if (isUp || this.#ledger.demand(key, clock.monotonic()).requests > 0) this.#awake.add(key);
    else this.#awake.delete(key);
  }

  /** Carries the steps out; false when what they were planned on turned out to be out of date. */
  async #carryOut(
    key: string,
    moment: Moment,
    set: ReplicaSet,
    steps: readonly ScaleStep[],
  ): Promise<boolean> {
    // A revision has to prove itself with a pod from its template.
    const pools = isTrusted(moment, set) ? this.#options.pools : undefined;
    for (const step of steps) {
      this.#options.log.info('Scaling', { function: key, revision: revisionOf(set), ...step });
      try {
        if (step.kind === 'raise') await this.#writer.raise(set, step.replicas, pools);
        else if (step.kind !== 'lower') await this.#writer.write(set, step);
        else if (!(await this.#lower(key, set, step))) return false;
        this.#options.metrics.stepped(key, step.kind, this.#options.clock.monotonic());
      } catch (error) {
        if (!isStatus(error, 'Conflict', 'NotFound', 'Invalid')) throw error;
        // Nothing new to go by: the queue's back-off decides when to look again.
        if (!(await this.#writer.refresh(set, step))) throw error;
        this.#queue.add(key);
        return false;
      }
    }
    return true;
  }

  /** Lowers the ReplicaSet if the pods as they really are, and the demand, still allow it. */
  async #lower(
    key: string,
    set: ReplicaSet,
    step: ScaleStep & { kind: 'lower' },
  ): Promise<boolean> {
    const pods = await this.#writer.list(set);
    const moment = this.#moment(key);
    if (moment === undefined) return false;
    const [again] = this.#plan(key, moment, set, pods);
    if (again?.kind !== 'lower' || again.replicas !== step.replicas) return false;
    await this.#writer.write(set, again);
    this.#scaleOf(key).release(set, again.released);
    return true;
  }
}

/** True for a revision that has served, and not only asks to. */
function isTrusted({ roles, traffic }: Moment, set: ReplicaSet): boolean {
  return set !== roles.candidate && !gaining(traffic).some((target) => target.set === set);
}
