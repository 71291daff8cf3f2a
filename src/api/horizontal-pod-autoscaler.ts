import type { Condition, KubeObject } from './object.ts';

/** autoscaling/v2, as far as it is used here; the API server stores all of it. */
export interface HorizontalPodAutoscaler extends KubeObject {
  readonly spec: HpaSpec;
  readonly status?: HpaStatus;
}

export interface HpaSpec {
  readonly scaleTargetRef: CrossVersionObjectReference;
  readonly minReplicas?: number;
  readonly maxReplicas: number;
  readonly metrics?: readonly MetricSpec[];
  readonly behavior?: HpaBehavior;
}

export interface CrossVersionObjectReference {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
}

export interface MetricSpec {
  readonly type: string;
  readonly resource?: ResourceMetricSource;
  readonly containerResource?: ResourceMetricSource & { readonly container: string };
}

export interface ResourceMetricSource {
  readonly name: string;
  readonly target: MetricTarget;
}

export interface MetricTarget {
  readonly type: string;
  readonly averageUtilization?: number;
  readonly averageValue?: string | number;
  readonly value?: string | number;
}

export interface HpaBehavior {
  readonly scaleUp?: HpaScalingRules;
  readonly scaleDown?: HpaScalingRules;
}

export interface HpaScalingRules {
  readonly stabilizationWindowSeconds?: number;
  readonly selectPolicy?: string;
  readonly policies?: readonly HpaScalingPolicy[];
  readonly tolerance?: string | number;
}

export interface HpaScalingPolicy {
  readonly type: string;
  readonly value: number;
  readonly periodSeconds: number;
}

export interface HpaStatus {
  readonly observedGeneration?: number;
  readonly lastScaleTime?: string;
  readonly currentReplicas?: number;
  readonly desiredReplicas: number;
  readonly currentMetrics?: readonly MetricStatus[];
  readonly conditions?: readonly Condition[];
}

export interface MetricStatus {
  readonly type: string;
  readonly resource?: ResourceMetricStatus;
  readonly containerResource?: ResourceMetricStatus & { readonly container: string };
}

export interface ResourceMetricStatus {
  readonly name: string;
  readonly current: MetricValueStatus;
}

export interface MetricValueStatus {
  readonly averageUtilization?: number;
  readonly averageValue?: string | number;
}
