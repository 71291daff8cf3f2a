import type { Node, Pod, Toleration } from '../../api/index.ts';
import { type Amounts, nodeAllocatable, podRequests } from './resources.ts';

/** A node and what the pods that are on it, or on their way to it, ask for. */
export interface Host {
  readonly node: Node;
  readonly requested: Amounts;
}

export type Placement =
  | { readonly kind: 'node'; readonly name: string }
  /** No node fits; the message is upstream's. */
  | { readonly kind: 'none'; readonly message: string };

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

/** What a pod that asks for nothing counts as when nodes are compared (upstream's defaults). */
const nominal: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 1024 * 1024 };

/** Chooses the node with the most left of cpu and memory among those that the pod fits on. */
export function placePod(pod: Pod, hosts: readonly Host[]): Placement {
  if (hosts.length === 0) return { kind: 'none', message: 'no nodes available to schedule pods' };
  const requests = podRequests(pod);
  const reasons = new Map<string, number>();
  let best: { readonly name: string; readonly score: number } | undefined;
  for (const host of hosts) {
    const obstacles = findObstacles(pod, requests, host);
    for (const reason of obstacles) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (obstacles.length > 0) continue;
    const score = freeShare(requests, host);
    const { name } = host.node.metadata;
    if (best === undefined || score > best.score || (score === best.score && name < best.name)) {
      best = { name, score };
    }
  }
  if (best !== undefined) return { kind: 'node', name: best.name };
  const listed = [...reasons].map(([reason, count]) => `${count} ${reason}`).toSorted();
  const message = `0/${hosts.length} nodes are available: ${listed.join(', ')}.`;
  return { kind: 'none', message };
}

/**
 * Why a pod cannot go to a node: the first check that fails, which for resources may have several
 * reasons, in the order and words of the scheduler's plugins.
 */
function findObstacles(pod: Pod, requests: Amounts, host: Host): readonly string[] {
  const { node } = host;
  const tolerations = pod.spec.tolerations ?? [];
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec?.unschedulable === true && !isTolerated(unschedulable, tolerations)) {
    return ['node(s) were unschedulable'];
  }
  const taint = taintsOf(node).find(
    (entry) => entry.effect !== 'PreferNoSchedule' && !isTolerated(entry, tolerations),
  );
  if (taint !== undefined) {
    return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  }
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (wanted.some(([name, value]) => node.metadata.labels?.[name] !== value)) {
    return ["node(s) didn't match Pod's node affinity/selector"];
  }
  return findShortages(requests, host);
}

function findShortages(requests: Amounts, { node, requested }: Host): readonly string[] {
  const allocatable = nodeAllocatable(node);
  const shortages: string[] = [];
  for (const [name, amount] of requests) {
    if (amount === 0) continue;
    if ((requested.get(name) ?? 0) + amount > (allocatable.get(name) ?? 0)) {
      shortages.push(name === 'pods' ? 'Too many pods' : `Insufficient ${name}`);
    }
  }
  return shortages;
}

/** The node's taints, and that of a node that is not ready, whether or not it has been written. */
function taintsOf(node: Node): readonly Taint[] {
  const taints = node.spec?.taints ?? [];
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'True') return taints;
  const state = ready === 'Unknown' ? 'unreachable' : 'not-ready';
  return [...taints, { key: `node.kubernetes.io/${state}`, effect: 'NoSchedule' }];
}

/** kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some(({ key, operator = 'Equal', value, effect }) => {
    if (effect !== undefined && effect !== '' && effect !== taint.effect) return false;
    const anyKey = key === undefined || key === '';
    if (!anyKey && key !== taint.key) return false;
    if (operator === 'Exists') return true;
    return !anyKey && operator === 'Equal' && (value ?? '') === (taint.value ?? '');
  });
}

/** The mean share of cpu and memory that would be left, 0 … 1 (NodeResourcesFit, LeastAllocated). */
function freeShare(requests: Amounts, { node, requested }: Host): number {
  const allocatable = nodeAllocatable(node);
  let sum = 0;
  let weight = 0;
  for (const [name, least] of Object.entries(nominal)) {
    const total = allocatable.get(name) ?? 0;
    if (total === 0) continue;
    const used = Math.max(requested.get(name) ?? 0, least * (requested.get('pods') ?? 0));
    const more = requests.get(name) ?? 0;
    sum += Math.max(0, total - used - (more === 0 ? least : more)) / total;
    weight += 1;
  }
  return weight === 0 ? 0 : sum / weight;
}
