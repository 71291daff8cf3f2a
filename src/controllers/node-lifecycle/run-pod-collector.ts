import { isStatus, type Pod } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import { type ControllerContext, podIndex } from '../context.ts';
import { isFinished } from '../pod-state.ts';

export interface PodCollectorOptions extends ControllerContext {
  /** How long a node must be gone before its pods are (upstream's quarantine, 40 s). */
  readonly quarantineMs?: number;
}

const defaultQuarantineMs = 40_000;
const workers = 4;

/**
 * Removes the pods of nodes that no longer exist (kubernetes pkg/controller/podgc): no agent is left
 * that would end them.
 *
 * Invariants:
 * 1. A node counts as gone only when it was missing for the whole quarantine and the API server
 *    itself, asked at the end of it, does not have it.
 */
export async function runPodCollector(
  options: PodCollectorOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = options;
  const { pods, nodes } = options.informers;
  const log = options.log.child({ controller: 'pod-collector' });
  const quarantineMs = options.quarantineMs ?? defaultQuarantineMs;
  const missingSince = new Map<string, number>();
  const queue = new WorkQueue({ clock, log, concurrency: workers }, async (name) => {
    const since = missingSince.get(name) ?? clock.monotonic();
    missingSince.set(name, since);
    const result = await collect(options, name, since + quarantineMs);
    if (result === undefined) missingSince.delete(name);
    return result;
  });
  const look = ({ spec }: Pod): void => {
    const name = spec.nodeName ?? '';
    if (name !== '' && nodes.get({ name }) === undefined) queue.add(name);
  };
  const removers: (() => void)[] = [];
  try {
    await Promise.all([pods.synced(signal), nodes.synced(signal)]);
    removers.push(
      pods.handle({ added: look, updated: look }),
      nodes.handle({
        added: ({ metadata }) => missingSince.delete(metadata.name),
        deleted: ({ metadata }) => queue.add(metadata.name),
      }),
    );
    await queue.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const undo of removers) undo();
  }
}

/** Undefined when nothing is left to be done for the node. */
async function collect(
  { client, clock, informers }: ControllerContext,
  name: string,
  due: number,
): Promise<ReconcileResult | undefined> {
  const stranded = informers.pods.byIndex(podIndex.node, name);
  if (stranded.length === 0 || informers.nodes.get({ name }) !== undefined) return undefined;
  const leftMs = due - clock.monotonic();
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  if ((await client.resource(refs.nodes).find({ name })) !== undefined) return undefined;
  await Promise.all(stranded.map((pod) => remove(client, pod)));
  return undefined;
}

async function remove(client: ControllerContext['client'], pod: Pod): Promise<void> {
  const { namespace = '', name, uid = '' } = pod.metadata;
  const resource = client.resource(refs.pods);
  try {
    if (!isFinished(pod)) {
      const status = { phase: 'Failed', reason: 'NodeGone', message: 'The node no longer exists' };
      const patch = { metadata: { uid }, status };
      await resource.patch({ namespace, name }, patch, {
        type: 'strategic',
        subresource: 'status',
      });
    }
    await resource.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
  }
}
