import type { Container, ContainerStatus, Pod } from '../core.ts';
import type { PrinterColumn } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, nameColumn, since, wideColumn } from './columns.ts';

/** The members of a pod that only its table reads. */
type PrintedPod = Pod & {
  readonly spec: {
    readonly readinessGates?: readonly { readonly conditionType: string }[];
    readonly initContainers?: readonly (Container & { readonly restartPolicy?: string })[];
  };
  readonly status?: {
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly nominatedNodeName?: string;
  };
};

/** What the columns of a pod say about its containers. */
interface Summary {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  /** When a container last ended before it was started again, milliseconds since the epoch; 0 if none was. */
  readonly lastRestart: number;
}

export const podColumns: readonly PrinterColumn[] = [
  nameColumn,
  column('Ready', 'string', 'Containers that are ready, of all', (object) => {
    const { ready, total } = summarize(asPod(object));
    return `${ready}/${total}`;
  }),
  column(
    'Status',
    'string',
    'State of the containers, taken together',
    (object) => summarize(asPod(object)).reason,
  ),
  column(
    'Restarts',
    'string',
    'How often containers were started again, and when last',
    (object, now) => {
      const { restarts, lastRestart } = summarize(asPod(object));
      if (restarts === 0 || lastRestart === 0) return String(restarts);
      return `${restarts} (${since(new Date(lastRestart).toISOString(), now)} ago)`;
    },
  ),
  ageColumn,
  wideColumn('IP', 'string', 'Address of the pod', (object) => {
    const { status } = asPod(object);
    return orNone(status?.podIPs?.[0]?.ip ?? status?.podIP);
  }),
  wideColumn('Node', 'string', 'Node that the pod runs on', (object) =>
    orNone(asPod(object).spec.nodeName),
  ),
  wideColumn('Nominated Node', 'string', 'Node that is being cleared for the pod', (object) =>
    orNone(asPod(object).status?.nominatedNodeName),
  ),
  wideColumn('Readiness Gates', 'string', 'Readiness gates that are passed, of all', (object) => {
    const { spec, status } = asPod(object);
    const gates = spec.readinessGates ?? [];
    if (gates.length === 0) return '<none>';
    const passed = gates.filter((gate) => isTrue(status, gate.conditionType));
    return `${passed.length}/${gates.length}`;
  }),
];

const summaries = new WeakMap<KubeObject, Summary>();

/** Sums up a pod's containers as upstream's printer does (kk pkg/printers/internalversion printPod). */
function summarize(pod: PrintedPod): Summary {
  let summary = summaries.get(pod);
  if (summary === undefined) {
    summary = withDeletion(pod, makeSummary(pod));
    summaries.set(pod, summary);
  }
  return summary;
}

function makeSummary(pod: PrintedPod): Summary {
  const { status } = pod;
  const init = initSummary(pod);
  const gated = status?.conditions?.some(
    (one) => one.type === 'PodScheduled' && one.reason === 'SchedulingGated',
  );
  const phase = status?.reason || status?.phase || '';
  const start = gated === true ? 'SchedulingGated' : phase;
  if (init.blocked !== undefined && !isTrue(status, 'Initialized')) {
    return { ...init.all, reason: init.blocked, ready: init.ready, total: init.total };
  }
  let reason = init.blocked ?? start;
  let ready = init.ready;
  let { restarts, lastRestart } = init.sidecars;
  let running = false;
  for (const container of (status?.containerStatuses ?? []).toReversed()) {
    restarts += container.restartCount;
    lastRestart = Math.max(lastRestart, lastEnd(container));
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated !== undefined) reason = endReason(terminated, '');
    else if (container.ready && container.state?.running !== undefined) {
      running = true;
      ready++;
    }
  }
  if (reason === 'Completed' && running) reason = isTrue(status, 'Ready') ? 'Running' : 'NotReady';
  return { reason, ready, total: init.total, restarts, lastRestart };
}

function withDeletion(pod: PrintedPod, summary: Summary): Summary {
  if (pod.metadata.deletionTimestamp === undefined) return summary;
  const { phase, reason } = pod.status ?? {};
  if (reason === 'NodeLost') return { ...summary, reason: 'Unknown' };
  if (phase === 'Succeeded' || phase === 'Failed') return summary;
  return { ...summary, reason: 'Terminating' };
}

interface Restarts {
  readonly restarts: number;
  readonly lastRestart: number;
}

interface InitSummary {
  /** What holds up the pod before its containers, with the `Init:` prefix. */
  readonly blocked: string | undefined;
  readonly ready: number;
  readonly total: number;
  readonly all: Restarts;
  readonly sidecars: Restarts;
}

function initSummary(pod: PrintedPod): InitSummary {
  const specs = pod.spec.initContainers ?? [];
  const sidecarNames = new Set(
    specs.filter((one) => one.restartPolicy === 'Always').map((one) => one.name),
  );
  let blocked: string | undefined;
  let ready = 0;
  let all: Restarts = { restarts: 0, lastRestart: 0 };
  let sidecars = all;
  for (const [i, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecarNames.has(container.name);
    all = addRestarts(all, container);
    if (sidecar) sidecars = addRestarts(sidecars, container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    blocked = initReason(container, i, specs.length);
    break;
  }
  return { blocked, ready, total: pod.spec.containers.length + sidecarNames.size, all, sidecars };
}

function initReason(container: ContainerStatus, index: number, count: number): string {
  const { waiting, terminated } = container.state ?? {};
  if (terminated !== undefined) return endReason(terminated, 'Init:');
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${count}`;
}

function endReason(
  end: { readonly reason?: string; readonly signal?: number; readonly exitCode: number },
  prefix: string,
): string {
  if (end.reason) return prefix + end.reason;
  return end.signal ? `${prefix}Signal:${end.signal}` : `${prefix}ExitCode:${end.exitCode}`;
}

function addRestarts(sum: Restarts, container: ContainerStatus): Restarts {
  return {
    restarts: sum.restarts + container.restartCount,
    lastRestart: Math.max(sum.lastRestart, lastEnd(container)),
  };
}

function lastEnd(container: ContainerStatus): number {
  const time = Date.parse(container.lastState?.terminated?.finishedAt ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function isTrue(status: Pod['status'], type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}

function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : text;
}

function asPod(object: KubeObject): PrintedPod {
  return object as PrintedPod;
}
