import type { HpaBehavior, HpaScalingPolicy, HpaScalingRules } from '../../api/index.ts';

/** What one HorizontalPodAutoscaler has to remember between its decisions; times are monotonic. */
export interface Memory {
  /** What was recommended, before any limit. */
  readonly recommendations: readonly { readonly at: number; readonly replicas: number }[];
  readonly ups: readonly ScaleEvent[];
  readonly downs: readonly ScaleEvent[];
}

export interface ScaleEvent {
  readonly at: number;
  readonly change: number;
}

export interface Wish {
  readonly current: number;
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  readonly behavior: HpaBehavior | undefined;
  readonly memory: Memory;
  /** Monotonic milliseconds. */
  readonly now: number;
}

export interface Reason {
  readonly reason: string;
  readonly message: string;
}

export interface Limited {
  readonly replicas: number;
  /** For the condition AbleToScale. */
  readonly able: Reason;
  /** For the condition ScalingLimited; `limited` is its status. */
  readonly limit: Reason & { readonly limited: boolean };
}

export const noMemory: Memory = { recommendations: [], ups: [], downs: [] };

/** How long a lower recommendation has to last, unless the behavior says otherwise. */
export const defaultDownWindowMs = 300_000;

/** The nearest number of pods to the desired one that windows, rates and bounds allow now. */
export function limit(wish: Wish): Limited {
  const { behavior } = wish;
  const stable = stabilize(wish);
  const within =
    behavior === undefined
      ? boundPlainly({ ...wish, desired: stable.replicas })
      : boundByRates({ ...wish, desired: stable.replicas }, behavior);
  return { ...within, able: stable.able };
}

/** What is remembered after a recommendation, without what no window or policy reaches any more. */
export function remember(wish: Wish): Memory {
  const { memory, now, desired, behavior } = wish;
  const windowMs = Math.max(...windowsOf(behavior));
  const recent = memory.recommendations.filter(({ at }) => at > now - windowMs);
  return { ...memory, recommendations: [...recent, { at: now, replicas: desired }] };
}

/** The memory with a change that was made; nothing of it is needed without a behavior. */
export function rememberChange(
  memory: Memory,
  { behavior, now, change }: Pick<Wish, 'behavior' | 'now'> & { readonly change: number },
): Memory {
  if (behavior === undefined || change === 0) return memory;
  const add = (
    events: readonly ScaleEvent[],
    rules: HpaScalingRules | undefined,
    size: number,
  ): readonly ScaleEvent[] => {
    const longest = Math.max(0, ...(rules?.policies ?? []).map((policy) => policy.periodSeconds));
    const recent = events.filter(({ at }) => at > now - longest * 1000);
    return size > 0 ? [...recent, { at: now, change: size }] : recent;
  };
  return {
    ...memory,
    ups: add(memory.ups, behavior.scaleUp, change),
    downs: add(memory.downs, behavior.scaleDown, -change),
  };
}

function windowsOf(behavior: HpaBehavior | undefined): readonly [up: number, down: number] {
  const seconds = (rules?: HpaScalingRules): number | undefined =>
    rules?.stabilizationWindowSeconds;
  const down = seconds(behavior?.scaleDown);
  return [
    (seconds(behavior?.scaleUp) ?? 0) * 1000,
    down === undefined ? defaultDownWindowMs : down * 1000,
  ];
}

function stabilize({ current, desired, behavior, memory, now }: Wish): {
  readonly replicas: number;
  readonly able: Reason;
} {
  const [upMs, downMs] = windowsOf(behavior);
  const within = (ms: number): readonly number[] =>
    memory.recommendations.filter(({ at }) => at > now - ms).map(({ replicas }) => replicas);
  const lowest = Math.min(desired, ...within(upMs));
  const highest = Math.max(desired, ...within(downMs));
  // Without a behavior, upstream takes the highest of the window even above the current number.
  const replicas = behavior === undefined ? highest : Math.min(Math.max(current, lowest), highest);
  if (replicas > desired) {
    return {
      replicas,
      able: {
        reason: 'ScaleDownStabilized',
        message:
          'recent recommendations were higher than current one, applying the highest recent recommendation',
      },
    };
  }
  if (replicas < desired) {
    return {
      replicas,
      able: {
        reason: 'ScaleUpStabilized',
        message:
          'recent recommendations were lower than current one, applying the lowest recent recommendation',
      },
    };
  }
  return {
    replicas,
    able: { reason: 'ReadyForNewScale', message: 'recommended size matches current size' },
  };
}

type Bounded = Pick<Limited, 'replicas' | 'limit'>;

const reasons = {
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
  DesiredWithinRange: 'the desired count is within the acceptable range',
} as const;

function bounded(replicas: number, reason: keyof typeof reasons): Bounded {
  const limited = reason !== 'DesiredWithinRange';
  return { replicas, limit: { limited, reason, message: reasons[reason] } };
}

/** Without a behavior: at most twice as many, or four, in one decision. */
function boundPlainly({ current, desired, min, max }: Wish): Bounded {
  const rate = Math.max(2 * current, 4);
  if (desired < min) return bounded(min, 'TooFewReplicas');
  if (desired > Math.min(max, rate)) {
    return max > rate ? bounded(rate, 'ScaleUpLimit') : bounded(max, 'TooManyReplicas');
  }
  return bounded(desired, 'DesiredWithinRange');
}

function boundByRates(wish: Wish, behavior: HpaBehavior): Bounded {
  const { current, desired, min, max } = wish;
  if (desired > current) {
    const rate = Math.max(current, rateLimit(wish, behavior.scaleUp, 'up'));
    if (desired > Math.min(max, rate)) {
      return max > rate ? bounded(rate, 'ScaleUpLimit') : bounded(max, 'TooManyReplicas');
    }
  } else if (desired < current) {
    const rate = Math.min(current, rateLimit(wish, behavior.scaleDown, 'down'));
    if (desired < Math.max(min, rate)) {
      return min < rate ? bounded(rate, 'ScaleDownLimit') : bounded(min, 'TooFewReplicas');
    }
  }
  return bounded(desired, 'DesiredWithinRange');
}

/** The farthest number of pods that the policies of one direction allow now. */
function rateLimit(
  { current, memory, now }: Wish,
  rules: HpaScalingRules | undefined,
  direction: 'up' | 'down',
): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const limits = (rules?.policies ?? []).map((policy) => {
    const since = now - policy.periodSeconds * 1000;
    const atStart = current - changeSince(memory.ups, since) + changeSince(memory.downs, since);
    return allowed(policy, atStart, direction);
  });
  if (limits.length === 0) return current;
  const largest = (rules?.selectPolicy === 'Min') !== (direction === 'up');
  return largest ? Math.max(...limits) : Math.min(...limits);
}

function allowed(
  { type, value }: HpaScalingPolicy,
  start: number,
  direction: 'up' | 'down',
): number {
  if (direction === 'up') {
    return type === 'Pods' ? start + value : Math.ceil((start * (100 + value)) / 100);
  }
  return type === 'Pods' ? start - value : Math.trunc((start * (100 - value)) / 100);
}

function changeSince(events: readonly ScaleEvent[], since: number): number {
  return events.reduce((sum, { at, change }) => (at > since ? sum + change : sum), 0);
}
