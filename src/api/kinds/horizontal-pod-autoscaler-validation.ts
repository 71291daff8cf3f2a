import { parseGoDuration } from '../duration.ts';
import type {
  HorizontalPodAutoscaler,
  HpaScalingRules,
  MetricSpec,
  MetricTarget,
} from '../horizontal-pod-autoscaler.ts';
import { names } from '../names.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { parseQuantity, type Quantity } from '../quantity.ts';
import { child, fieldError } from '../schema/field-error.ts';

export const shortestSyncPeriodMs = 1000;
/** Timers hold 31 bits. */
const longestSyncPeriodMs = 24 * 3600 * 1000;
const longestWindowSeconds = 3600;
const longestPolicySeconds = 1800;

/** The member of a metric that goes with each of its types. */
const sources: Readonly<Record<string, string>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
};

type Causes = readonly StatusCause[];

/** What the schema cannot say of a HorizontalPodAutoscaler (pkg/apis/autoscaling/validation). */
export function validateHpa(object: KubeObject): Causes {
  const { spec, metadata } = object as HorizontalPodAutoscaler;
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [], behavior = {} } = spec;
  const causes: StatusCause[] = [];
  const invalid = (field: string, value: unknown, detail: string): void => {
    causes.push(fieldError.invalid(field, value, detail));
  };
  if (minReplicas !== undefined && minReplicas < 1) {
    invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
  }
  if (maxReplicas < 1) invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0');
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
  }
  for (const name of ['kind', 'name'] as const) {
    if (scaleTargetRef[name] !== '') continue;
    causes.push(fieldError.required(`spec.scaleTargetRef.${name}`));
  }
  const period = metadata.annotations?.[names.annotation.syncPeriod];
  if (period !== undefined && syncPeriodMs(period) === undefined) {
    const field = `metadata.annotations[${names.annotation.syncPeriod}]`;
    invalid(field, period, 'must be a duration from 1s to 24h, such as 30s');
  }
  return [
    ...causes,
    ...metrics.flatMap((metric, index) => metricCauses(metric, `spec.metrics[${index}]`)),
    ...rulesCauses(behavior.scaleUp, 'spec.behavior.scaleUp'),
    ...rulesCauses(behavior.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

/** The interval that the annotation of one HorizontalPodAutoscaler asks for; undefined for nonsense. */
export function syncPeriodMs(text: string): number | undefined {
  try {
    const ms = parseGoDuration(text);
    return ms >= shortestSyncPeriodMs && ms <= longestSyncPeriodMs ? ms : undefined;
  } catch {
    return undefined;
  }
}

function metricCauses(metric: MetricSpec, path: string): Causes {
  if (metric.type === '')
    return [fieldError.required(`${path}.type`, 'must specify a metric source type')];
  const expected = sources[metric.type];
  if (expected === undefined) {
    return [fieldError.notSupported(`${path}.type`, metric.type, Object.keys(sources).toSorted())];
  }
  const given = Object.values(sources).filter((name) => Object.hasOwn(metric, name));
  if (!given.includes(expected)) {
    const detail = 'must populate information for the given metric source';
    return [fieldError.required(child(path, expected), detail)];
  }
  const others = given.filter((name) => name !== expected);
  const source = metric.type === 'Resource' ? metric.resource : metric.containerResource;
  return [
    ...others.map((name) =>
      fieldError.forbidden(child(path, name), 'must populate the given metric source only'),
    ),
    ...(source === undefined ? [] : sourceCauses(source, child(path, expected))),
  ];
}

function sourceCauses(
  source: { readonly name: string; readonly container?: string; readonly target: MetricTarget },
  path: string,
): Causes {
  const causes: StatusCause[] = [];
  if (source.name === '') {
    causes.push(fieldError.required(`${path}.name`, 'must specify a resource name'));
  }
  if (source.container === '') {
    causes.push(fieldError.required(`${path}.container`, 'must specify a container'));
  }
  return [...causes, ...targetCauses(source.target, `${path}.target`)];
}

function targetCauses(target: MetricTarget, path: string): Causes {
  const { type, averageUtilization, averageValue, value } = target;
  const causes: StatusCause[] = [];
  const kinds = ['AverageValue', 'Utilization', 'Value'];
  if (type === '')
    causes.push(fieldError.required(`${path}.type`, 'must specify a metric target type'));
  else if (!kinds.includes(type)) {
    causes.push(fieldError.notSupported(`${path}.type`, type, kinds));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    const field = `${path}.averageUtilization`;
    causes.push(fieldError.invalid(field, averageUtilization, 'must be greater than 0'));
  }
  for (const [name, quantity] of Object.entries({ averageValue, value })) {
    if (quantity === undefined || isPositive(quantity)) continue;
    causes.push(fieldError.invalid(`${path}.${name}`, quantity, 'must be positive'));
  }
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    causes.push(fieldError.required(`${path}.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    causes.push(fieldError.forbidden(`${path}.averageValue`, detail));
  }
  return causes;
}

function isPositive(quantity: string | number): boolean {
  const parsed = parsedOrUndefined(quantity);
  return parsed !== undefined && parsed.toNumber() > 0;
}

function parsedOrUndefined(quantity: string | number): Quantity | undefined {
  try {
    return parseQuantity(String(quantity));
  } catch {
    return undefined;
  }
}

function rulesCauses(rules: HpaScalingRules | undefined, path: string): Causes {
  if (rules === undefined) return [];
  const causes: StatusCause[] = [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies, tolerance } = rules;
  if (window !== undefined && window < 0) {
    const detail = 'must be greater than or equal to zero';
    causes.push(fieldError.invalid(`${path}.stabilizationWindowSeconds`, window, detail));
  }
  if (window !== undefined && window > longestWindowSeconds) {
    const detail = `must be less than or equal to ${longestWindowSeconds}`;
    causes.push(fieldError.invalid(`${path}.stabilizationWindowSeconds`, window, detail));
  }
  const choices = ['Disabled', 'Max', 'Min'];
  if (selectPolicy !== undefined && !choices.includes(selectPolicy)) {
    causes.push(fieldError.notSupported(`${path}.selectPolicy`, selectPolicy, choices));
  }
  if (policies?.length === 0) {
    causes.push(fieldError.required(`${path}.policies`, 'must specify at least one Policy'));
  }
  if (tolerance !== undefined && (parsedOrUndefined(tolerance)?.toNumber() ?? -1) < 0) {
    const detail = 'must be greater or equal to 0';
    causes.push(fieldError.invalid(`${path}.tolerance`, tolerance, detail));
  }
  return [
    ...causes,
    ...(policies ?? []).flatMap((policy, index) =>
      policyCauses(policy, `${path}.policies[${index}]`),
    ),
  ];
}

function policyCauses(
  { type, value, periodSeconds }: NonNullable<HpaScalingRules['policies']>[number],
  path: string,
): Causes {
  const causes: StatusCause[] = [];
  const kinds = ['Percent', 'Pods'];
  if (!kinds.includes(type)) causes.push(fieldError.notSupported(`${path}.type`, type, kinds));
  const positive = 'must be greater than zero';
  if (value <= 0) causes.push(fieldError.invalid(`${path}.value`, value, positive));
  if (periodSeconds <= 0) {
    causes.push(fieldError.invalid(`${path}.periodSeconds`, periodSeconds, positive));
  }
  if (periodSeconds > longestPolicySeconds) {
    const detail = `must be less than or equal to ${longestPolicySeconds}`;
    causes.push(fieldError.invalid(`${path}.periodSeconds`, periodSeconds, detail));
  }
  return causes;
}
