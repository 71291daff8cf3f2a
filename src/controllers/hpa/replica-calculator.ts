/** What is known of one pod and its use of one resource. */
export interface PodReading {
  readonly name: string;
  readonly deleted: boolean;
  readonly phase: string;
  /** The Ready condition: undefined when there is none yet; times in milliseconds since the epoch. */
  readonly ready: { readonly isTrue: boolean; readonly since: number } | undefined;
  readonly startedAt: number | undefined;
  /** What it is given of the resource, or which container does not say. */
  readonly request: { readonly milli: number } | { readonly missingIn: string };
  /** Undefined as long as there are no metrics of it. */
  readonly usage: PodUsage | undefined;
}

export interface PodUsage {
  readonly milli: number;
  /** End of the window, milliseconds since the epoch. */
  readonly at: number;
  readonly windowMs: number;
}

/** Where one metric is to be: in percent of the request, or thousandths of a unit for each pod. */
export type Goal =
  | { readonly kind: 'utilization'; readonly percent: number }
  | { readonly kind: 'average'; readonly milli: number };

/** How far the ratio of use and goal may be from 1 without a change. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export interface MetricQuestion {
  readonly resource: string;
  readonly goal: Goal;
  readonly pods: readonly PodReading[];
  readonly currentReplicas: number;
  readonly tolerances: Tolerances;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type MetricAnswer =
  | {
      readonly kind: 'proposal';
      readonly replicas: number;
      /** Undefined for goals that are no percentage. */
      readonly utilization: number | undefined;
      readonly averageMilli: number;
    }
  | { readonly kind: 'unknown'; readonly message: string };

/** How long after its start the CPU time of a pod counts only once it is ready. */
const cpuInitializationMs = 5 * 60_000;
/** A pod that was never ready by then counts as started. */
const initialReadinessDelayMs = 30_000;

/**
 * How many pods one metric asks for (kubernetes pkg/controller/podautoscaler/replica_calculator.go).
 *
 * What is not known of some pods only ever dampens: they count as idle when the others ask for more,
 * and as fully used when the others ask for less.
 */
export function replicasFor(question: MetricQuestion): MetricAnswer {
  const { pods, goal, currentReplicas } = question;
  if (pods.length === 0) {
    return unknown('no pods returned by selector while calculating replica count');
  }
  if (pods.every(({ usage }) => usage === undefined)) {
    return unknown('no metrics returned from resource metrics API');
  }
  const groups = groupPods(question);
  const known = groups.ready.map((pod) => ({ pod, milli: pod.usage?.milli ?? 0 }));
  if (known.length === 0) {
    return unknown('did not receive metrics for targeted pods (pods might be unready)');
  }
  if (goal.kind === 'utilization') {
    for (const { name, request } of pods) {
      if ('missingIn' in request) {
        const { missingIn } = request;
        return unknown(
          `missing request for ${question.resource} in container ${missingIn} of Pod ${name}`,
        );
      }
    }
    if (known.every(({ pod }) => requestOf(pod) === 0)) {
      return unknown('no metrics returned matched known pods');
    }
  }
  const measured = measure(known, goal);
  const proposal = (replicas: number): MetricAnswer => ({
    kind: 'proposal',
    replicas,
    utilization: measured.utilization,
    averageMilli: measured.averageMilli,
  });
  const { ratio } = measured;
  const unready = ratio > 1 ? groups.unready : [];
  if (unready.length === 0 && groups.missing.length === 0) {
    if (isWithin(ratio, question.tolerances)) return proposal(currentReplicas);
    return proposal(ceiling(ratio * known.length));
  }
  const filled = [
    ...known,
    ...groups.missing.flatMap((pod) => {
      if (ratio > 1) return [{ pod, milli: 0 }];
      if (ratio < 1) return [{ pod, milli: fullUse(pod, goal) }];
      return [];
    }),
    ...unready.map((pod) => ({ pod, milli: 0 })),
  ];
  const refined = measure(filled, goal).ratio;
  const turned = (ratio < 1 && refined > 1) || (ratio > 1 && refined < 1);
  if (turned || isWithin(refined, question.tolerances)) return proposal(currentReplicas);
  const replicas = ceiling(refined * filled.length);
  const against =
    (refined < 1 && replicas > currentReplicas) || (refined > 1 && replicas < currentReplicas);
  return proposal(against ? currentReplicas : replicas);
}

interface Known {
  readonly pod: PodReading;
  readonly milli: number;
}

interface Measure {
  readonly ratio: number;
  readonly utilization: number | undefined;
  readonly averageMilli: number;
}

function measure(known: readonly Known[], goal: Goal): Measure {
  const total = known.reduce((sum, { milli }) => sum + milli, 0);
  const averageMilli = total / known.length;
  if (goal.kind === 'average') {
    return { ratio: averageMilli / goal.milli, utilization: undefined, averageMilli };
  }
  const requested = known.reduce((sum, { pod }) => sum + requestOf(pod), 0);
  const utilization = Math.trunc((total * 100) / requested);
  return { ratio: utilization / goal.percent, utilization, averageMilli };
}

function fullUse(pod: PodReading, goal: Goal): number {
  if (goal.kind === 'average') return goal.milli;
  return (requestOf(pod) * Math.max(100, goal.percent)) / 100;
}

function requestOf({ request }: PodReading): number {
  return 'milli' in request ? request.milli : 0;
}

function isWithin(ratio: number, { up, down }: Tolerances): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

/** Rounds up, but not for what floating-point arithmetic has added. */
function ceiling(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value - nearest) < 1e-9 ? nearest : Math.ceil(value);
}

interface Groups {
  readonly ready: readonly PodReading[];
  readonly unready: readonly PodReading[];
  readonly missing: readonly PodReading[];
}

function groupPods({ pods, resource, now }: MetricQuestion): Groups {
  const groups: Record<keyof Groups, PodReading[]> = { ready: [], unready: [], missing: [] };
  for (const pod of pods) {
    if (pod.deleted || pod.phase === 'Failed') continue;
    if (pod.phase === 'Pending') groups.unready.push(pod);
    else if (pod.usage === undefined) groups.missing.push(pod);
    else if (resource === 'cpu' && isWarmingUp(pod, pod.usage, now)) groups.unready.push(pod);
    else groups.ready.push(pod);
  }
  return groups;
}

function isWarmingUp({ ready, startedAt }: PodReading, usage: PodUsage, now: number): boolean {
  if (ready === undefined || startedAt === undefined) return true;
  if (startedAt + cpuInitializationMs > now) {
    return !ready.isTrue || usage.at < ready.since + usage.windowMs;
  }
  return !ready.isTrue && startedAt + initialReadinessDelayMs > ready.since;
}

function unknown(message: string): MetricAnswer {
  return { kind: 'unknown', message };
}
