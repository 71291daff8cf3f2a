import {
  formatTime,
  type HorizontalPodAutoscaler,
  type HpaStatus,
  isStatus,
  jsonEqual,
  type KubeList,
  type MetricStatus,
  parseLabelSelector,
  type PodMetrics,
} from '../../api/index.ts';
import { type EventRecorder, refs } from '../../client/index.ts';
import type { ControllerContext } from '../context.ts';
import { decide, type Decision, type MetricResult } from './decide.ts';
import { HpaConditions } from './hpa-conditions.ts';
import type { Memory } from './limits.ts';
import { readMetric } from './metric-readings.ts';
import { type ScaleTarget, ScaleTargets } from './scale-target.ts';

/** Metrics are averaged over the interval of the decisions, within what the API gives. */
const window = { leastSeconds: 1, mostSeconds: 600 };

/** What one look at a HorizontalPodAutoscaler and its target has found. */
interface Look {
  readonly hpa: HorizontalPodAutoscaler;
  readonly conditions: HpaConditions;
  readonly target: ScaleTarget;
  readonly metrics: readonly (MetricStatus | undefined)[];
}

/**
 * Carries out the decisions of HorizontalPodAutoscalers, one at a time for each.
 *
 * Owns what each of them has to remember (recommendations and changes of late); a restart forgets it,
 * so that the first decision after it takes the present number for recommended.
 */
export class HpaSync {
  readonly #context: ControllerContext;
  readonly #events: EventRecorder;
  readonly #targets: ScaleTargets;
  /** By uid. */
  readonly #memories = new Map<string, Memory>();

  constructor(context: ControllerContext, events: EventRecorder) {
    this.#context = context;
    this.#events = events;
    this.#targets = new ScaleTargets(context.client, context.informers.replicasets);
  }

  forget({ metadata }: HorizontalPodAutoscaler): void {
    this.#memories.delete(metadata.uid ?? '');
  }

  /** One decision, its execution and its report. */
  async sync(hpa: HorizontalPodAutoscaler, periodMs: number): Promise<void> {
    const { clock } = this.#context;
    const conditions = new HpaConditions(hpa.status?.conditions ?? [], clock.now());
    const target = await this.#find(hpa, conditions);
    if (target === undefined) return;
    const { minReplicas: min = 1, maxReplicas: max, behavior } = hpa.spec;
    const { current } = target;
    const isBetween = current > 0 && current >= min && current <= max;
    const read = isBetween ? await this.#read(hpa, target, periodMs) : [];
    const uid = hpa.metadata.uid ?? '';
    const decision = decide({
      current,
      min,
      max,
      behavior,
      metrics: read.map(({ result }) => result),
      memory: this.#memories.get(uid),
      now: clock.monotonic(),
    });
    this.#tellInvalid(
      hpa,
      read.map(({ result }) => result),
    );
    const look: Look = { hpa, conditions, target, metrics: read.map(({ status }) => status) };
    await this.#carryOut(look, decision);
  }

  async #find(
    hpa: HorizontalPodAutoscaler,
    conditions: HpaConditions,
  ): Promise<ScaleTarget | undefined> {
    try {
      const { namespace = '' } = hpa.metadata;
      const target = await this.#targets.find(namespace, hpa.spec.scaleTargetRef);
      const message = "the HPA controller was able to get the target's current scale";
      conditions.set('AbleToScale', true, { reason: 'SucceededGetScale', message });
      return target;
    } catch (error) {
      const text = textOf(error);
      this.#events.report(hpa, { type: 'Warning', reason: 'FailedGetScale', message: text });
      const message = `the HPA controller was unable to get the target's current scale: ${text}`;
      conditions.set('AbleToScale', false, { reason: 'FailedGetScale', message });
      await this.#writeStatus(hpa, {
        ...hpa.status,
        desiredReplicas: hpa.status?.desiredReplicas ?? 0,
        conditions: conditions.all,
      });
      return undefined;
    }
  }

  async #read(
    hpa: HorizontalPodAutoscaler,
    target: ScaleTarget,
    periodMs: number,
  ): Promise<readonly ReturnType<typeof readMetric>[]> {
    const { informers, clock } = this.#context;
    const { namespace = '' } = hpa.metadata;
    const selector = parseLabelSelector(target.selector);
    // An empty selector would take in every pod of the namespace.
    const metrics =
      target.selector === ''
        ? { problem: 'the scale of the target has no selector' }
        : await this.#metrics(namespace, target.selector, periodMs);
    const measured = {
      pods: informers.pods
        .list(namespace)
        .filter(({ metadata }) => target.selector !== '' && selector.matches(metadata.labels)),
      metrics,
      behavior: hpa.spec.behavior,
      currentReplicas: target.current,
      now: clock.now(),
    };
    return (hpa.spec.metrics ?? []).map((spec) => readMetric(spec, measured));
  }

  async #metrics(
    namespace: string,
    labelSelector: string,
    periodMs: number,
  ): Promise<readonly PodMetrics[] | { readonly problem: string }> {
    const { leastSeconds, mostSeconds } = window;
    const seconds = Math.min(mostSeconds, Math.max(leastSeconds, periodMs / 1000));
    try {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
      const query = { labelSelector, windowSeconds: String(seconds) };
      const list = (await this.#context.client.raw({
        method: 'GET',
        path,
        query,
      })) as KubeList<PodMetrics>;
      return list.items;
    } catch (error) {
      return { problem: `unable to fetch metrics from resource metrics API: ${textOf(error)}` };
    }
  }

  #tellInvalid(hpa: HorizontalPodAutoscaler, results: readonly MetricResult[]): void {
    for (const result of results) {
      if (result.kind !== 'invalid') continue;
      const { reason, message } = result;
      this.#events.report(hpa, { type: 'Warning', reason, message });
    }
  }

  async #carryOut(look: Look, decision: Decision): Promise<void> {
    const { hpa, conditions, target } = look;
    const uid = hpa.metadata.uid ?? '';
    switch (decision.kind) {
      case 'off': {
        const message = 'scaling is disabled since the replica count of the target is zero';
        conditions.set('ScalingActive', false, { reason: 'ScalingDisabled', message });
        this.#memories.delete(uid);
        await this.#report(look, 0, false);
        return;
      }
      case 'blind': {
        const { reason, message } = decision;
        this.#memories.set(uid, decision.memory);
        const failed = `the HPA was unable to compute the replica count: ${message}`;
        conditions.set('ScalingActive', false, { reason, message: failed });
        const event = { type: 'Warning', reason: 'FailedComputeMetricsReplicas', message } as const;
        this.#events.report(hpa, event);
        await this.#report(look, hpa.status?.desiredReplicas ?? target.current, false);
        return;
      }
      case 'metrics': {
        const { able, limit } = decision.limited;
        conditions.set('ScalingActive', true, {
          reason: 'ValidMetricFound',
          message: `the HPA was able to successfully calculate a replica count from ${decision.metric}`,
        });
        conditions.set('AbleToScale', true, able);
        conditions.set('ScalingLimited', limit.limited, limit);
        break;
      }
      case 'bounds':
        break;
    }
    await this.#rescale(look, decision);
  }

  async #rescale(
    look: Look,
    { replicas, why, memory }: Extract<Decision, { kind: 'bounds' | 'metrics' }>,
  ): Promise<void> {
    const { hpa, conditions, target } = look;
    const isChange = replicas !== target.current;
    try {
      // A function whose number was left to the calls is taken over, even if it stays the same.
      if (replicas !== target.specReplicas) await this.#targets.scale(target, replicas);
    } catch (error) {
      const text = textOf(error);
      const message = `New size: ${replicas}; reason: ${why}; error: ${text}`;
      this.#events.report(hpa, { type: 'Warning', reason: 'FailedRescale', message });
      conditions.set('AbleToScale', false, {
        reason: 'FailedUpdateScale',
        message: `the HPA controller was unable to update the target scale: ${text}`,
      });
      await this.#report(look, hpa.status?.desiredReplicas ?? target.current, false);
      return;
    }
    this.#memories.set(hpa.metadata.uid ?? '', memory);
    if (isChange) {
      conditions.set('AbleToScale', true, {
        reason: 'SucceededRescale',
        message: `the HPA controller was able to update the target scale to ${replicas}`,
      });
      const message = `New size: ${replicas}; reason: ${why}`;
      this.#events.report(hpa, { type: 'Normal', reason: 'SuccessfulRescale', message });
    }
    await this.#report(look, replicas, isChange);
  }

  async #report(
    { hpa, conditions, target, metrics }: Look,
    desiredReplicas: number,
    rescaled: boolean,
  ): Promise<void> {
    const known = metrics.filter((each) => each !== undefined);
    const { generation } = hpa.metadata;
    const lastScaleTime = rescaled
      ? formatTime(this.#context.clock.now())
      : hpa.status?.lastScaleTime;
    await this.#writeStatus(hpa, {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentReplicas: target.replicas,
      desiredReplicas,
      ...(known.length === 0 ? {} : { currentMetrics: known }),
      conditions: conditions.all,
    });
  }

  /** A merge patch, which removes what is left out. */
  async #writeStatus(hpa: HorizontalPodAutoscaler, status: HpaStatus): Promise<void> {
    if (jsonEqual(hpa.status, status)) return;
    const gone = Object.keys(hpa.status ?? {}).map((name) => [name, null]);
    const patch = { status: { ...Object.fromEntries(gone), ...status } };
    try {
      await this.#context.client
        .resource(refs.horizontalpodautoscalers)
        .patch(hpa.metadata, patch, { type: 'merge', subresource: 'status' });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
