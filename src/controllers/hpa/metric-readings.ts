import {
  type HpaBehavior,
  type MetricSpec,
  type MetricStatus,
  parseQuantity,
  type Pod,
  type PodMetrics,
  type ResourceMetricSource,
} from '../../api/index.ts';
import type { MetricResult } from './decide.ts';
import { milliOf, readPods } from './pod-readings.ts';
import { type Goal, replicasFor, type Tolerances } from './replica-calculator.ts';

/** What metrics are answered from. */
export interface Measured {
  readonly pods: readonly Pod[];
  /** Or why there are none. */
  readonly metrics: readonly PodMetrics[] | { readonly problem: string };
  readonly behavior: HpaBehavior | undefined;
  readonly currentReplicas: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface MetricReading {
  readonly result: MetricResult;
  /** For status.currentMetrics. */
  readonly status: MetricStatus | undefined;
}

const defaultTolerance = 0.1;
/** Reasons for metrics that no API of the embedded cluster serves. */
const withoutApi: Readonly<Record<string, string>> = {
  Pods: 'FailedGetPodsMetric',
  Object: 'FailedGetObjectMetric',
  External: 'FailedGetExternalMetric',
};

/** What one metric of a spec asks for. */
export function readMetric(spec: MetricSpec, measured: Measured): MetricReading {
  const { type, resource, containerResource } = spec;
  if (type === 'Resource' && resource !== undefined) {
    return readResource(resource, undefined, measured);
  }
  if (type === 'ContainerResource' && containerResource !== undefined) {
    return readResource(containerResource, containerResource.container, measured);
  }
  const reason = withoutApi[type] ?? 'InvalidMetricSourceType';
  const message = `metrics of type ${type} are not available here: only Resource and ContainerResource are`;
  return { result: { kind: 'invalid', reason, message }, status: undefined };
}

function readResource(
  { name, target }: ResourceMetricSource,
  container: string | undefined,
  { pods, metrics, behavior, currentReplicas, now }: Measured,
): MetricReading {
  const type = container === undefined ? 'Resource' : 'ContainerResource';
  const invalid = (message: string): MetricReading => ({
    result: { kind: 'invalid', reason: `FailedGet${type}Metric`, message },
    status: undefined,
  });
  const goal = goalOf(target);
  const what = goal?.kind === 'utilization' ? 'utilization' : 'usage';
  if (goal === undefined)
    return invalid(`invalid target of ${name}: neither utilization nor value`);
  if ('problem' in metrics) {
    return invalid(
      `failed to get ${name} ${what}: unable to get metrics for resource ${name}: ${metrics.problem}`,
    );
  }
  const answer = replicasFor({
    resource: name,
    goal,
    pods: readPods(pods, metrics, { resource: name, container }),
    currentReplicas,
    tolerances: tolerancesOf(behavior),
    now,
  });
  if (answer.kind === 'unknown') return invalid(`failed to get ${name} ${what}: ${answer.message}`);
  const { replicas, utilization, averageMilli } = answer;
  const current = {
    averageValue: parseQuantity(`${Math.round(averageMilli)}m`).canonical(),
    ...(utilization === undefined ? {} : { averageUtilization: utilization }),
  };
  const kind = container === undefined ? 'resource' : 'container resource';
  const share = goal.kind === 'utilization' ? ' utilization (percentage of request)' : '';
  return {
    result: { kind: 'proposal', name: `${name} ${kind}${share}`, replicas },
    status:
      container === undefined
        ? { type, resource: { name, current } }
        : { type, containerResource: { name, container, current } },
  };
}

function goalOf({
  averageUtilization,
  averageValue,
}: ResourceMetricSource['target']): Goal | undefined {
  if (averageValue !== undefined) return { kind: 'average', milli: milliOf(averageValue) };
  if (averageUtilization === undefined) return undefined;
  return { kind: 'utilization', percent: averageUtilization };
}

function tolerancesOf(behavior: HpaBehavior | undefined): Tolerances {
  const read = (tolerance: string | number | undefined): number =>
    tolerance === undefined ? defaultTolerance : milliOf(tolerance) / 1000;
  return { up: read(behavior?.scaleUp?.tolerance), down: read(behavior?.scaleDown?.tolerance) };
}
