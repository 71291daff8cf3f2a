import {
  isStatus,
  type KubeList,
  type Node,
  type NodeMetrics,
  parseQuantity,
  type PodMetrics,
  type ResourceUsage,
} from '../../api/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError, UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { Columns } from '../output/columns.ts';
import { openSession, type Session } from '../session.ts';

const help = `Show how much CPU and memory pods or nodes use.

Usage:
  nought top (pods | nodes) [NAME] [flags]

Flags:
      --containers        of pods: each container
  -A, --all-namespaces    pods of all namespaces
  -l, --selector S        those with these labels
      --sort-by WHAT      cpu or memory, the largest first
      --no-headers        without the first line
${clusterFlagsHelp}
  -h, --help              this text

Examples:
  nought top pods
  nought top pods -l nought.dev/function=diff --containers
  nought top nodes
`;

const options = {
  ...clusterFlagOptions,
  containers: { type: 'boolean' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  selector: { type: 'string', short: 'l' },
  'sort-by': { type: 'string' },
  'no-headers': { type: 'boolean' },
} as const;

const root = '/apis/metrics.k8s.io/v1beta1';

/** One line, with the numbers that it is sorted by. */
interface Line {
  readonly cells: readonly string[];
  readonly cpu: number;
  readonly memory: number;
}

interface Listing {
  readonly head: readonly string[];
  readonly lines: readonly Line[];
}

interface Wanted {
  readonly name: string | undefined;
  readonly containers: boolean;
  readonly everywhere: boolean;
  readonly selector: string | undefined;
}

export const topCommand: Command = {
  name: 'top',
  summary: 'Show how much CPU and memory pods or nodes use',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, options);
    const [what, name, extra] = positionals;
    if (extra !== undefined) throw new UsageError(`Unexpected argument "${extra}"`);
    const list = listers.get(what ?? '');
    if (list === undefined) throw new UsageError('Say what: nought top pods, or nought top nodes');
    if (name !== undefined && values.selector !== undefined) {
      throw new UsageError('Cannot take both a name and a selector: give one of them');
    }
    const order = values['sort-by'];
    if (order !== undefined && order !== 'cpu' && order !== 'memory') {
      throw new UsageError(`Cannot use --sort-by "${order}": expected cpu or memory`);
    }
    using session = await openSession(values, io);
    const { head, lines } = await list(session, {
      name,
      containers: values.containers === true,
      everywhere: values['all-namespaces'] === true,
      selector: values.selector,
    });
    if (lines.length === 0) {
      io.stderr.write('No resources found\n');
      return 0;
    }
    const sorted = order === undefined ? lines : lines.toSorted((a, b) => b[order] - a[order]);
    const rows = sorted.map(({ cells }) => cells);
    new Columns(io.stdout).write(values['no-headers'] === true ? rows : [head, ...rows]);
    return 0;
  },
};

const listers = new Map([
  ['pods', listPods],
  ['pod', listPods],
  ['po', listPods],
  ['nodes', listNodes],
  ['node', listNodes],
  ['no', listNodes],
]);

async function listPods(session: Session, wanted: Wanted): Promise<Listing> {
  const { containers, everywhere } = wanted;
  const scope = everywhere ? '' : `/namespaces/${encodeURIComponent(session.namespace)}`;
  const pods = await read<PodMetrics>(session, `${root}${scope}/pods`, wanted);
  const lines = pods.flatMap((pod) => {
    const { name, namespace = '' } = pod.metadata;
    const before = everywhere ? [namespace, name] : [name];
    if (!containers)
      return [
        line(
          before,
          pod.containers.map((each) => each.usage),
        ),
      ];
    return pod.containers.map((each) => line([...before, each.name], [each.usage]));
  });
  const head = [
    ...(everywhere ? ['NAMESPACE'] : []),
    ...(containers ? ['POD', 'NAME'] : ['NAME']),
    'CPU(cores)',
    'MEMORY(bytes)',
  ];
  return { head, lines };
}

async function listNodes(session: Session, wanted: Wanted): Promise<Listing> {
  const [metrics, nodes] = await Promise.all([
    read<NodeMetrics>(session, `${root}/nodes`, wanted),
    session.send({ path: '/api/v1/nodes' }) as Promise<KubeList<Node>>,
  ]);
  const lines = metrics.map(({ metadata, usage }) => {
    const made = line([metadata.name], [usage]);
    const node = nodes.items.find((each) => each.metadata.name === metadata.name);
    const share = (used: number, resource: string): string => {
      const all = amount(node?.status?.allocatable?.[resource] ?? '0');
      return all === 0 ? '<unknown>' : `${Math.trunc((used / all) * 100)}%`;
    };
    const [name = '', cpu = '', memory = ''] = made.cells;
    const cells = [name, cpu, share(made.cpu, 'cpu'), memory, share(made.memory, 'memory')];
    return { ...made, cells };
  });
  return { head: ['NAME', 'CPU(cores)', 'CPU(%)', 'MEMORY(bytes)', 'MEMORY(%)'], lines };
}

async function read<T extends PodMetrics | NodeMetrics>(
  session: Session,
  path: string,
  { name, selector }: Wanted,
): Promise<readonly T[]> {
  try {
    if (name !== undefined) {
      return [(await session.send({ path: `${path}/${encodeURIComponent(name)}` })) as T];
    }
    const call = selector === undefined ? { path } : { path, query: { labelSelector: selector } };
    return ((await session.send(call)) as KubeList<T>).items;
  } catch (error) {
    const absent = isStatus(error, 'NotFound') && error.message.startsWith('the server could not');
    if (!absent) throw error;
    throw new CommandError('error: Metrics API not available', { cause: error });
  }
}

function line(before: readonly string[], usages: readonly ResourceUsage[]): Line {
  const total = (resource: keyof ResourceUsage): number =>
    usages.reduce((sum, usage) => sum + amount(usage[resource]), 0);
  const [cpu, memory] = [total('cpu'), total('memory')];
  const cells = [...before, `${Math.ceil(cpu * 1000)}m`, `${Math.trunc(memory / 2 ** 20)}Mi`];
  return { cells, cpu, memory };
}

function amount(quantity: string | number): number {
  return parseQuantity(String(quantity)).toNumber();
}
