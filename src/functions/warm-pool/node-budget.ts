import type { Node } from '../../api/index.ts';
import { parseQuantity } from '../../api/index.ts';
import type { Informer } from '../../client/index.ts';
import { defaultResources } from '../pod-template.ts';

/** Of the memory of all nodes, what booted pods without a function may ask for in all. */
const memoryShare = 0.2;
/** Where nothing is known of the nodes. */
const unknownBoots = 2;

/** What the nodes allow. */
export interface NodeBudget {
  /** Pods of all pools together. */
  readonly pods: number;
  /** How many may boot at once: each keeps a core busy while it does. */
  readonly boots: number;
  /** Nodes that are short of memory: no pod of a pool stays there. */
  readonly pressed: ReadonlySet<string>;
}

/** Nodes may not be shown to us: then only each pool's own limit counts. */
export function nodeBudget(nodes: Pick<Informer<Node>, 'hasSynced' | 'list'>): NodeBudget {
  if (!nodes.hasSynced()) return { pods: Infinity, boots: unknownBoots, pressed: new Set() };
  const pressed = new Set<string>();
  let bytes = 0;
  let cores = 0;
  for (const node of nodes.list()) {
    if (isTrue(node, 'MemoryPressure')) pressed.add(node.metadata.name);
    else if (isTrue(node, 'Ready') && node.spec?.unschedulable !== true) {
      bytes += amount(node, 'memory');
      cores += amount(node, 'cpu');
    }
  }
  const each = Number(parseQuantity(String(defaultResources.requests?.['memory'])).units());
  return {
    pods: Math.floor((bytes * memoryShare) / each),
    boots: Math.max(1, Math.floor(cores)),
    pressed,
  };
}

function isTrue({ status }: Node, type: string): boolean {
  return status?.conditions?.some((it) => it.type === type && it.status === 'True') === true;
}

function amount({ status }: Node, resource: 'memory' | 'cpu'): number {
  const text = status?.allocatable?.[resource] ?? '0';
  return Number(parseQuantity(text).millis()) / 1000;
}
