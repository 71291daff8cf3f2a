import type {
  Condition,
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from '../api/index.ts';
import type { ContainerExit, Refusal } from './runtime.ts';

/** One start of a container as its status shows it. */
export interface ContainerRun {
  readonly id: string | undefined;
  readonly startedAt: number | undefined;
  readonly exit: ContainerExit | undefined;
}

/** What is known of one container of a pod. */
export interface ContainerView {
  readonly container: Container;
  readonly restartCount: number;
  readonly current: ContainerRun | undefined;
  readonly previous: ContainerRun | undefined;
  /** Why it does not run, while it should. */
  readonly waiting: Refusal | undefined;
  readonly ready: boolean;
  /** Its hook and its startup probe are done. */
  readonly started: boolean;
  /** An init container that goes on beside the others. */
  readonly sidecar: boolean;
}

/** What is known of a pod. */
export interface PodView {
  readonly pod: Pod;
  readonly init: readonly ContainerView[];
  readonly main: readonly ContainerView[];
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: number;
  /** The pod will not start anything any more. */
  readonly final: boolean;
  /** Why the pod has failed as a whole. */
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
  readonly now: number;
}

type Phase = NonNullable<PodStatus['phase']>;

/** The status of a pod, as the kubelet computes it. */
export function podStatus(view: PodView): PodStatus {
  const { pod, podIP, hostIP } = view;
  const phase = podPhase(view);
  const failure = phase === 'Failed' ? view.failure : undefined;
  const initStatuses = view.init.map(containerStatus);
  const { generation } = pod.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    ...failure,
    conditions: conditions(view, phase),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: formatSeconds(view.startTime),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: view.main.map(containerStatus),
  };
}

/** RFC 3339 with whole seconds, as metav1.Time. */
export function formatSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A pod does not leave these any more. */
export function isTerminal(phase: PodStatus['phase']): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Terminal only when nothing runs any more. */
function podPhase(view: PodView): Phase {
  const phase = view.failure === undefined ? phaseByContainers(view) : 'Failed';
  if (!isTerminal(phase) || ![...view.init, ...view.main].some(isRunning)) return phase;
  return uninitialized(view).length === 0 ? 'Running' : 'Pending';
}

/** The init containers that hold up the others; none once one of those was started. */
function uninitialized({ init, main }: PodView): readonly ContainerView[] {
  if (main.some(({ current, previous }) => (current ?? previous) !== undefined)) return [];
  return init.filter(({ sidecar, started, current }) =>
    sidecar ? !started : current?.exit?.exitCode !== 0,
  );
}

function isRunning({ current }: ContainerView): boolean {
  return current !== undefined && current.exit === undefined;
}

function phaseByContainers(view: PodView): Phase {
  const { pod, main, final } = view;
  const policy = pod.spec.restartPolicy ?? 'Always';
  const held = uninitialized(view);
  if (held.length > 0) {
    const failed = held.some(
      ({ sidecar, current }) => !sidecar && (current?.exit?.exitCode ?? 0) !== 0,
    );
    return final || (failed && policy === 'Never') ? 'Failed' : 'Pending';
  }
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { waiting, current, previous } of main) {
    const exit = current?.exit ?? (waiting === undefined ? undefined : previous?.exit);
    if (exit !== undefined) {
      stopped += 1;
      if (exit.exitCode === 0) succeeded += 1;
    } else if (current === undefined) {
      return final ? 'Failed' : 'Pending';
    } else {
      running += 1;
    }
  }
  if (running > 0) return 'Running';
  if (!final && policy === 'Always') return 'Running';
  if (stopped === succeeded) return 'Succeeded';
  return final || policy === 'Never' ? 'Failed' : 'Running';
}

function containerStatus(view: ContainerView): ContainerStatus {
  const { container, current, previous, waiting, ready, restartCount } = view;
  const running = current !== undefined && current.exit === undefined && waiting === undefined;
  const last = waiting !== undefined && current?.exit !== undefined ? current : previous;
  const id = current?.id ?? previous?.id;
  return {
    name: container.name,
    ready,
    restartCount,
    image: container.image ?? '',
    imageID: '',
    ...(id === undefined ? {} : { containerID: id }),
    started: running && view.started,
    state: containerState(view),
    lastState: last?.exit === undefined ? {} : terminated(last, last.exit),
  };
}

function containerState({ current, waiting }: ContainerView): ContainerState {
  if (waiting !== undefined) {
    const { reason, message } = waiting;
    return { waiting: message === '' ? { reason } : { reason, message } };
  }
  if (current === undefined) return { waiting: { reason: 'ContainerCreating' } };
  if (current.exit !== undefined) return terminated(current, current.exit);
  const { startedAt } = current;
  return { running: startedAt === undefined ? {} : { startedAt: formatSeconds(startedAt) } };
}

function terminated({ id, startedAt }: ContainerRun, exit: ContainerExit): ContainerState {
  return {
    terminated: {
      exitCode: exit.exitCode,
      reason: exit.reason,
      ...(exit.message === undefined ? {} : { message: exit.message }),
      ...(startedAt === undefined ? {} : { startedAt: formatSeconds(startedAt) }),
      finishedAt: formatSeconds(exit.finishedAt),
      ...(id === undefined ? {} : { containerID: id }),
    },
  };
}

function conditions(view: PodView, phase: Phase): readonly Condition[] {
  const { pod, now } = view;
  const known = new Map((pod.status?.conditions ?? []).map((each) => [each.type, each]));
  const held = uninitialized(view);
  const contained = containersReady(view, phase);
  const hasSandbox = view.podIP !== undefined && !isTerminal(phase);
  const own: readonly Condition[] = [
    { type: 'PodReadyToStartContainers', status: hasSandbox ? 'True' : 'False' },
    { type: 'Initialized', ...initialized(held, phase) },
    { ...podReady(pod, contained), type: 'Ready' },
    { ...contained, type: 'ContainersReady' },
    { type: 'PodScheduled', status: 'True' },
  ];
  for (const condition of own) known.set(condition.type, timed(condition, pod, now));
  return [...known.values()];
}

function initialized(held: readonly ContainerView[], phase: Phase): Omit<Condition, 'type'> {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (held.length === 0) return { status: 'True' };
  const message = `containers with incomplete status: ${listNames(held)}`;
  return { status: 'False', reason: 'ContainersNotInitialized', message };
}

/** Ready when the containers are and all readiness gates are passed. */
function podReady(pod: Pod, contained: Omit<Condition, 'type'>): Omit<Condition, 'type'> {
  if (contained.status !== 'True') return contained;
  const missing = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (found === undefined) {
      return `corresponding condition of pod readiness gate "${conditionType}" does not exist.`;
    }
    if (found.status === 'True') return [];
    return `the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`;
  });
  if (missing.length === 0) return contained;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join(', ') };
}

function containersReady(view: PodView, phase: Phase): Omit<Condition, 'type'> {
  const counted = [...view.init.filter(({ sidecar }) => sidecar), ...view.main];
  const unready = counted.filter((each) => !each.ready);
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  if (unready.length === 0) return { status: 'True' };
  const refused = [...view.init, ...view.main].find(
    (each) => each.waiting?.reason === 'ImageNotSupported',
  );
  if (refused?.waiting !== undefined) {
    const { reason, message } = refused.waiting;
    return { status: 'False', reason, message: `container ${refused.container.name}: ${message}` };
  }
  const message = `containers with unready status: ${listNames(unready)}`;
  return { status: 'False', reason: 'ContainersNotReady', message };
}

/** The condition with the time of its last change of status. */
function timed(condition: Condition, pod: Pod, now: number): Condition {
  const before = pod.status?.conditions?.find((each) => each.type === condition.type);
  const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: kept ?? formatSeconds(now) };
}

function listNames(views: readonly ContainerView[]): string {
  return `[${views.map((each) => each.container.name).join(' ')}]`;
}
