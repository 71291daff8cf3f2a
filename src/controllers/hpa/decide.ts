import type { HpaBehavior } from '../../api/index.ts';
import { limit, type Limited, type Memory, noMemory, remember, rememberChange } from './limits.ts';

/** What one metric of the spec has come to. */
export type MetricResult =
  | { readonly kind: 'proposal'; readonly name: string; readonly replicas: number }
  | {
      readonly kind: 'invalid';
      /** Of the condition ScalingActive, and of the event: `FailedGetResourceMetric`. */
      readonly reason: string;
      readonly message: string;
    };

export interface Circumstances {
  readonly current: number;
  readonly min: number;
  readonly max: number;
  readonly behavior: HpaBehavior | undefined;
  /** Asked only where metrics decide; at least one. */
  readonly metrics: readonly MetricResult[];
  /** Undefined at the first decision. */
  readonly memory: Memory | undefined;
  /** Monotonic milliseconds. */
  readonly now: number;
}

export type Decision =
  /** The target has no pods: nobody wants it to run. */
  | { readonly kind: 'off' }
  /** Metrics do not allow a decision; the number stays. */
  | {
      readonly kind: 'blind';
      readonly reason: string;
      readonly message: string;
      readonly memory: Memory;
    }
  /** The number is outside of the bounds: it is brought inside, whatever the metrics say. */
  | {
      readonly kind: 'bounds';
      readonly replicas: number;
      readonly why: string;
      readonly memory: Memory;
    }
  | {
      readonly kind: 'metrics';
      readonly replicas: number;
      /** The metric that asked for most. */
      readonly metric: string;
      readonly why: string;
      readonly limited: Limited;
      readonly memory: Memory;
    };

/**
 * One decision of a HorizontalPodAutoscaler (kubernetes pkg/controller/podautoscaler/horizontal.go).
 *
 * 1. The result is between `min` and `max`, or `current` where that is unknown or off.
 * 2. The largest proposal counts; one metric that is not known forbids only to shrink.
 * 3. A pure function: the same circumstances give the same decision.
 */
export function decide(circumstances: Circumstances): Decision {
  const { current, min, max, behavior, now } = circumstances;
  if (current === 0) return { kind: 'off' };
  const memory = circumstances.memory ?? {
    ...noMemory,
    recommendations: [{ at: now, replicas: current }],
  };
  const keep = (replicas: number, remembered: Memory): Memory =>
    rememberChange(remembered, { behavior, now, change: replicas - current });
  if (current > max || current < min) {
    const [replicas, side, bound] = current > max ? [max, 'above', 'Max'] : [min, 'below', 'Min'];
    const why = `Current number of replicas ${side} Spec.${bound}Replicas`;
    return { kind: 'bounds', replicas, why, memory: keep(replicas, memory) };
  }
  const best = bestOf(circumstances);
  if (best.kind === 'invalid') {
    return { kind: 'blind', reason: best.reason, message: best.message, memory };
  }
  const wish = { current, desired: best.replicas, min, max, behavior, memory, now };
  const limited = limit(wish);
  const why = best.replicas > current ? `${best.name} above target` : 'All metrics below target';
  return {
    kind: 'metrics',
    replicas: limited.replicas,
    metric: best.name,
    why,
    limited,
    memory: keep(limited.replicas, remember(wish)),
  };
}

/** The largest proposal, or why there can be none. */
function bestOf({ metrics, current }: Circumstances): MetricResult {
  const invalid = metrics.filter((each) => each.kind === 'invalid');
  const [best] = metrics
    .filter((each) => each.kind === 'proposal')
    .toSorted((a, b) => b.replicas - a.replicas);
  const [first] = invalid;
  if (best !== undefined && (first === undefined || best.replicas >= current)) return best;
  const count = `invalid metrics (${invalid.length} invalid out of ${metrics.length})`;
  return {
    kind: 'invalid',
    reason: first?.reason ?? 'InvalidMetricSourceType',
    message: `${count}, first error is: ${first?.message ?? 'there are no metrics'}`,
  };
}
