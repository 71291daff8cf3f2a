import { parseQuantity, type Container, type Node, type Pod } from '../../api/index.ts';

/**
 * Amounts by resource name: thousandths of a core of `cpu`, bytes of `memory`, number of `pods`, …
 * Always whole, since sums of fractions would refuse the last pod that fits.
 */
export type Amounts = ReadonlyMap<string, number>;

type Quantities = Readonly<Record<string, string | number>>;

/** Objects of informers never change, and each is asked for many times. */
const requestsByPod = new WeakMap<Pod, Amounts>();
const allocatableByNode = new WeakMap<Node, Amounts>();

/**
 * What a pod asks of its node: the sum of its containers, or its largest init container where that is
 * more, plus overhead (kubernetes.io/docs/concepts/workloads/pods/init-containers). Restartable init
 * containers count for as long as they run beside what comes after them.
 */
export function podRequests(pod: Pod): Amounts {
  return remembered(requestsByPod, pod, computeRequests);
}

function computeRequests({ spec }: Pod): Amounts {
  const total = new Map<string, number>([['pods', 1]]);
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, requestsOf(container));
    } else {
      for (const [name, amount] of amounts(requestsOf(container))) {
        raise(peak, name, amount + (sidecars.get(name) ?? 0));
      }
    }
  }
  for (const container of spec.containers) add(total, requestsOf(container));
  for (const [name, amount] of sidecars) total.set(name, (total.get(name) ?? 0) + amount);
  for (const [name, amount] of peak) raise(total, name, amount);
  add(total, spec.overhead ?? {});
  return total;
}

/** A limit stands for a request that is not there. */
function requestsOf({ resources }: Container): Quantities {
  return { ...resources?.limits, ...resources?.requests };
}

/** What a node has for pods. */
export function nodeAllocatable(node: Node): Amounts {
  return remembered(allocatableByNode, node, ({ status }) =>
    amounts(status?.allocatable ?? status?.capacity ?? {}),
  );
}

export function addAmounts(to: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) to.set(name, (to.get(name) ?? 0) + amount);
}

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, compute: (key: K) => V): V {
  const value = known.get(key) ?? compute(key);
  known.set(key, value);
  return value;
}

function amounts(quantities: Quantities): Amounts {
  return new Map(
    Object.entries(quantities).map(([name, text]) => {
      const quantity = parseQuantity(String(text));
      return [name, Number(name === 'cpu' ? quantity.millis() : quantity.units())];
    }),
  );
}

function add(to: Map<string, number>, quantities: Quantities): void {
  addAmounts(to, amounts(quantities));
}

function raise(to: Map<string, number>, name: string, amount: number): void {
  to.set(name, Math.max(to.get(name) ?? 0, amount));
}
