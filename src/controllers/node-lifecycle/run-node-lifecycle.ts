import {
  type Condition,
  formatTime,
  isStatus,
  type Lease,
  type Node,
  type Pod,
} from '../../api/index.ts';
import { createInformer, EventRecorder, type Informer, refs } from '../../client/index.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import { type ControllerContext, podIndex } from '../context.ts';
import { isReady, podCondition } from '../pod-state.ts';
import { runTogether } from '../../lib/run-together.ts';

export interface NodeLifecycleOptions extends ControllerContext {
  /** How long a node may be silent before it counts as unreachable (upstream's 40 s). */
  readonly graceMs?: number;
}

const defaultGraceMs = 40_000;
const leaseNamespace = 'kube-node-lease';
const workers = 4;

/** Marks nodes that have fallen silent, and their pods, until the signal aborts. */
export async function runNodeLifecycle(
  options: NodeLifecycleOptions,
  signal: AbortSignal,
): Promise<void> {
  await new NodeLifecycle(options).run(signal);
}

/**
 * The node lifecycle controller, after kubernetes pkg/controller/nodelifecycle.
 *
 * Owns, for each node, what its last sign of life was and when it was seen here.
 *
 * Invariants:
 * 1. Silence is measured on this process's monotonic clock from the moment that a sign of life was
 *    seen; the clocks of two machines are never compared.
 * 2. A sign of life is a renewed Lease in kube-node-lease or a new heartbeat time of a condition.
 */
class NodeLifecycle {
  readonly #context: ControllerContext;
  readonly #graceMs: number;
  readonly #leases: Informer<Lease>;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  readonly #signs = new Map<string, { readonly sign: string; readonly at: number }>();

  constructor(options: NodeLifecycleOptions) {
    const { client, clock } = options;
    const log = options.log.child({ controller: 'node-lifecycle' });
    this.#context = { ...options, log };
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#leases = createInformer({
      resource: client.resource(refs.leases),
      namespace: leaseNamespace,
      clock,
      log,
    });
    this.#events = new EventRecorder({ ...options, log, component: 'node-controller' });
    this.#queue = new WorkQueue({ clock, log, concurrency: workers }, (name) =>
      this.#reconcile(name),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes, pods } = this.#context.informers;
    const look = ({ metadata }: Node | Lease): void => this.#queue.add(metadata.name);
    const lookAtHost = ({ spec }: Pod): void => {
      const node = spec.nodeName === undefined ? undefined : nodes.get({ name: spec.nodeName });
      if (node !== undefined && readyCondition(node)?.status === 'Unknown') look(node);
    };
    const removers = [
      nodes.handle({ added: look, updated: look, deleted: look }),
      this.#leases.handle({ added: look, updated: look }),
      pods.handle({ added: lookAtHost, updated: lookAtHost }),
    ];
    const leasesSynced = async (running: AbortSignal): Promise<void> => {
      await Promise.all([
        nodes.synced(running),
        pods.synced(running),
        this.#leases.synced(running),
      ]);
      await this.#queue.run(running);
    };
    try {
      await runTogether(
        [
          leasesSynced,
          (running) => this.#leases.run(running),
          (running) => this.#events.run(running),
        ],
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const remove of removers) remove();
    }
  }

  async #reconcile(name: string): Promise<ReconcileResult | void> {
    const { clock, informers } = this.#context;
    const node = informers.nodes.get({ name });
    if (node === undefined) {
      this.#signs.delete(name);
      return;
    }
    const sign = this.#signOfLife(node);
    const now = clock.monotonic();
    const known = this.#signs.get(name);
    const last = known?.sign === sign ? known : { sign, at: now };
    this.#signs.set(name, last);
    const leftMs = last.at + this.#graceMs - now;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await this.#markUnknown(node);
    await Promise.all(
      informers.pods.byIndex(podIndex.node, name).map((pod) => this.#markPodNotReady(pod)),
    );
  }

  #signOfLife({ metadata, status }: Node): string {
    const lease = this.#leases.get({ namespace: leaseNamespace, name: metadata.name });
    const heartbeats = status?.conditions?.map(({ lastHeartbeatTime }) => lastHeartbeatTime ?? '');
    return [lease?.spec?.renewTime ?? '', ...(heartbeats ?? [])].join(' ');
  }

  async #markUnknown(node: Node): Promise<void> {
    const ready = readyCondition(node);
    if (ready?.status === 'Unknown') return;
    const lastTransitionTime = this.#now();
    const silent: Pick<Condition, 'status' | 'reason' | 'message'> = {
      status: 'Unknown',
      reason: ready === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
      message:
        ready === undefined
          ? 'Kubelet never posted node status.'
          : 'Kubelet stopped posting node status.',
    };
    const current = node.status?.conditions ?? [];
    const base =
      ready === undefined ? [...current, { type: 'Ready', status: 'Unknown' as const }] : current;
    const conditions = base.map((condition) => ({ ...condition, ...silent, lastTransitionTime }));
    // With the version that was judged: a heartbeat that came meanwhile wins.
    const status = { ...node.status, conditions };
    await ignoreRaces(
      this.#context.client.resource(refs.nodes).update({ ...node, status }, 'status'),
    );
    this.#events.report(node, {
      type: 'Normal',
      reason: 'NodeNotReady',
      message: `Node ${node.metadata.name} status is now: NodeNotReady`,
    });
  }

  async #markPodNotReady(pod: Pod): Promise<void> {
    if (!isReady(pod)) return;
    const { namespace = '', name, uid } = pod.metadata;
    const condition = {
      ...podCondition(pod, 'Ready'),
      type: 'Ready',
      status: 'False',
      reason: 'NodeNotReady',
      lastTransitionTime: this.#now(),
    };
    await ignoreRaces(
      this.#context.client
        .resource(refs.pods)
        .patch(
          { namespace, name },
          { metadata: { uid }, status: { conditions: [condition] } },
          { type: 'strategic', subresource: 'status' },
        ),
    );
  }

  #now(): string {
    return formatTime(this.#context.clock.now());
  }
}

function readyCondition({ status }: Node): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** What was judged has changed or is gone meanwhile; that change brings the next reconcile. */
async function ignoreRaces(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isStatus(error, 'Conflict', 'NotFound')) throw error;
  }
}
