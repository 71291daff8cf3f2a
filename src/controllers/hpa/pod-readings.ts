import { parseGoDuration, parseQuantity, type Pod, type PodMetrics } from '../../api/index.ts';
import type { PodReading, PodUsage } from './replica-calculator.ts';

/** What a metric is about: a resource of whole pods, or of one of their containers. */
export interface MetricSubject {
  readonly resource: string;
  readonly container: string | undefined;
}

/** Brings pods and their metrics together, for one resource. */
export function readPods(
  pods: readonly Pod[],
  metrics: readonly PodMetrics[],
  subject: MetricSubject,
): readonly PodReading[] {
  const byName = new Map(metrics.map((each) => [each.metadata.name, each]));
  return pods.map((pod) => {
    const { metadata, status } = pod;
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const measured = byName.get(metadata.name);
    return {
      name: metadata.name,
      deleted: metadata.deletionTimestamp !== undefined,
      phase: status?.phase ?? 'Pending',
      ready: ready && {
        isTrue: ready.status === 'True',
        since: Date.parse(ready.lastTransitionTime ?? '') || 0,
      },
      startedAt: status?.startTime === undefined ? undefined : Date.parse(status.startTime),
      request: requestOf(pod, subject),
      usage: measured && usageOf(measured, subject),
    };
  });
}

function requestOf(pod: Pod, { resource, container }: MetricSubject): PodReading['request'] {
  let milli = 0;
  for (const { name, resources } of pod.spec.containers) {
    if (container !== undefined && name !== container) continue;
    const request = resources?.requests?.[resource];
    if (request === undefined) return { missingIn: name };
    milli += milliOf(request);
  }
  return { milli };
}

function usageOf(metrics: PodMetrics, subject: MetricSubject): PodUsage | undefined {
  const { resource, container } = subject;
  const meant = metrics.containers.filter(
    ({ name }) => container === undefined || name === container,
  );
  if (meant.length === 0) return undefined;
  let milli = 0;
  for (const { usage } of meant) {
    const used = Object.entries(usage).find(([name]) => name === resource)?.[1];
    if (used === undefined) return undefined;
    milli += milliOf(used);
  }
  return { milli, at: Date.parse(metrics.timestamp), windowMs: parseGoDuration(metrics.window) };
}

/** Thousandths, with fractions: a billionth of a core is no full thousandth. */
export function milliOf(quantity: string | number): number {
  return parseQuantity(String(quantity)).toNumber() * 1000;
}
