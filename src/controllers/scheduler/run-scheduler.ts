import { type Condition, formatTime, isStatus, type Pod } from '../../api/index.ts';
import { EventRecorder, refs } from '../../client/index.ts';
import { WorkQueue } from '../../lib/work-queue.ts';
import { type ControllerContext, keyOf, parseKey, podIndex } from '../context.ts';
import { isFinished, podCondition } from '../pod-state.ts';
import { aborted } from '../../lib/wait.ts';
import { runWhenSynced } from '../run-when-synced.ts';
import type { EarlyPlacement } from './early-placement.ts';
import { type Host, placePod } from './place-pod.ts';
import { addAmounts, podRequests } from './resources.ts';

const schedulerName = 'default-scheduler';
/** Bindings under way at once; decisions are made one by one. */
const workers = 16;

export interface SchedulerContext extends ControllerContext {
  /** Where creators of pods ask before there is anything to bind. */
  readonly placement?: EarlyPlacement;
}

/** A pod that has been given to a node and is not yet seen there. */
interface Assumed {
  readonly pod: Pod;
  readonly node: string;
  /** It is created on its node: nothing is left to be bound. */
  readonly early: boolean;
}

/** Binds pods without a node to the node with the most to spare, until the signal aborts. */
export async function runScheduler(context: SchedulerContext, signal: AbortSignal): Promise<void> {
  await new Scheduler(context).run(signal);
}

/**
 * The scheduler: one pass of filters and one score, no preemption.
 *
 * Owns the decisions that have not yet come back as bound pods.
 *
 * Invariants:
 * 1. A decision counts against its node from the moment it is made, in the same turn of the event
 *    loop, until the pod shows up as bound or the binding has failed.
 * 2. A pod that fits nowhere is looked at again after each change that could make room: of a node, or
 *    of a pod that was on one. No timer is involved.
 */
class Scheduler {
  readonly #context: SchedulerContext;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  /** By uid. */
  readonly #assumed = new Map<string, Assumed>();
  /** Keys of pods for which there was no node. */
  readonly #waiting = new Set<string>();

  constructor(context: SchedulerContext) {
    const log = context.log.child({ controller: 'scheduler' });
    this.#context = { ...context, log };
    this.#events = new EventRecorder({ ...context, log, component: schedulerName });
    this.#queue = new WorkQueue({ clock: context.clock, log, concurrency: workers }, (key) =>
      this.#schedule(key),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, nodes } = this.#context.informers;
    const retry = (): void => this.#retryWaiting();
    const removers = [
      pods.handle({
        added: (pod) => this.#podChanged(pod),
        updated: (pod, previous) => {
          this.#podChanged(pod);
          if (isFinished(pod) && !isFinished(previous)) retry();
        },
        deleted: (pod) => {
          this.#assumed.delete(pod.metadata.uid ?? '');
          this.#waiting.delete(keyOf(pod));
          if (isBound(pod)) retry();
        },
      }),
      nodes.handle({ added: retry, updated: retry, deleted: retry }),
    ];
    const tasks = [
      (running: AbortSignal) => this.#queue.run(running),
      (running: AbortSignal) => this.#events.run(running),
      (running: AbortSignal) => this.#answerCreators(running),
    ];
    await runWhenSynced({ copies: [pods, nodes], tasks, removers }, signal);
  }

  async #answerCreators(signal: AbortSignal): Promise<void> {
    const stop = this.#context.placement?.use(this);
    await aborted(signal);
    stop?.();
  }

  /** The node for a pod that is about to be created; undefined when it has to wait for one. */
  place(pod: Pod): string | undefined {
    if (!isPending(pod)) return undefined;
    const placement = placePod(pod, this.#hosts());
    if (placement.kind === 'none') return undefined;
    this.#assumed.set(pod.metadata.uid ?? '', { pod, node: placement.name, early: true });
    return placement.name;
  }

  /** A pod that was given a node has not been created. */
  dropped(uid: string): void {
    if (this.#assumed.delete(uid)) this.#retryWaiting();
  }

  #podChanged(pod: Pod): void {
    if (isBound(pod)) {
      const uid = pod.metadata.uid ?? '';
      if (this.#assumed.get(uid)?.early === true) this.#sayScheduled(pod, pod.spec.nodeName ?? '');
      this.#assumed.delete(uid);
      this.#waiting.delete(keyOf(pod));
    } else if (isPending(pod)) {
      this.#queue.add(keyOf(pod));
    }
  }

  #retryWaiting(): void {
    for (const key of this.#waiting) this.#queue.add(key);
    this.#waiting.clear();
  }

  async #schedule(key: string): Promise<void> {
    const pod = this.#context.informers.pods.get(parseKey(key));
    const uid = pod?.metadata.uid ?? '';
    if (pod === undefined || !isPending(pod) || this.#assumed.has(uid)) return;
    const placement = placePod(pod, this.#hosts());
    if (placement.kind === 'none') {
      this.#waiting.add(key);
      await this.#sayUnschedulable(pod, placement.message);
      return;
    }
    this.#assumed.set(uid, { pod, node: placement.name, early: false });
    try {
      await this.#bind(pod, placement.name);
    } catch (error) {
      this.#assumed.delete(uid);
      this.#retryWaiting();
      // It is gone or was bound by someone else.
      if (isStatus(error, 'NotFound', 'Conflict')) return;
      throw error;
    }
    this.#sayScheduled(pod, placement.name);
  }

  #sayScheduled(pod: Pod, node: string): void {
    const message = `Successfully assigned ${keyOf(pod)} to ${node}`;
    this.#events.report(pod, { type: 'Normal', reason: 'Scheduled', message });
  }

  /** The nodes with what is on them and on its way to them. */
  #hosts(): readonly Host[] {
    const { nodes, pods } = this.#context.informers;
    const assumed = new Map<string, Pod[]>();
    for (const { pod, node } of this.#assumed.values()) {
      const list = assumed.get(node);
      if (list === undefined) assumed.set(node, [pod]);
      else list.push(pod);
    }
    return nodes.list().map((node) => {
      const { name } = node.metadata;
      const requested = new Map<string, number>();
      for (const pod of [...pods.byIndex(podIndex.node, name), ...(assumed.get(name) ?? [])]) {
        if (!isFinished(pod)) addAmounts(requested, podRequests(pod));
      }
      return { node, requested };
    });
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata;
    await this.#context.client.raw({
      method: 'POST',
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      },
    });
  }

  async #sayUnschedulable(pod: Pod, message: string): Promise<void> {
    const known = podCondition(pod, 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return;
    this.#events.report(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const now = formatTime(this.#context.clock.now());
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
    };
    const { namespace = '', name, uid } = pod.metadata;
    try {
      await this.#context.client
        .resource(refs.pods)
        .patch(
          { namespace, name },
          { metadata: { uid }, status: { conditions: [condition] } },
          { type: 'strategic', subresource: 'status' },
        );
    } catch (error) {
      if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

function isBound(pod: Pod): boolean {
  return (pod.spec.nodeName ?? '') !== '';
}

/** True for a pod that this scheduler has to find a node for. */
function isPending(pod: Pod): boolean {
  return (
    !isBound(pod) &&
    !isFinished(pod) &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec.schedulerName ?? schedulerName) === schedulerName &&
    (pod.spec.schedulingGates ?? []).length === 0
  );
}
