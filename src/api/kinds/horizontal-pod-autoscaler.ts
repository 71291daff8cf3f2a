import type { ResourceDescriptor } from '../descriptor.ts';
import type {
  HorizontalPodAutoscaler,
  HpaScalingRules,
  HpaSpec,
  MetricSpec,
  MetricValueStatus,
} from '../horizontal-pod-autoscaler.ts';
import type { KubeObject } from '../object.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { validateHpa } from './horizontal-pod-autoscaler-validation.ts';

/** Metrics beyond these are only counted in the column. */
const shownMetrics = 2;

export const horizontalPodAutoscalerDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  status: true,
  columns: [
    nameColumn,
    column('Reference', 'string', 'What it scales', (object) => {
      const { kind, name } = asHpa(object).spec.scaleTargetRef;
      return `${kind}/${name}`;
    }),
    column('Targets', 'string', 'Each metric: what it is now, and what it is to be', targets),
    column('MinPods', 'string', 'The fewest pods that it sets', (object) =>
      String(asHpa(object).spec.minReplicas ?? '<unset>'),
    ),
    column(
      'MaxPods',
      'integer',
      'The most pods that it sets',
      (object) => asHpa(object).spec.maxReplicas,
    ),
    column(
      'Replicas',
      'integer',
      'How many pods its target has',
      (object) => asHpa(object).status?.currentReplicas ?? 0,
    ),
    ageColumn,
  ],
  hooks: {
    prepareForCreate: (object) =>
      ({ ...withDefaults(object), status: { desiredReplicas: 0 } }) as KubeObject,
    prepareForUpdate: withDefaults,
    validate: validateHpa,
  },
});

const cpuUtilization: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};
const scaleUpRules: HpaScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const scaleDownRules: HpaScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function withDefaults(object: KubeObject): KubeObject {
  const { spec = {} } = object as { readonly spec?: Partial<HpaSpec> };
  const { behavior, metrics = [] } = spec;
  return {
    ...object,
    spec: {
      minReplicas: 1,
      ...spec,
      metrics: metrics.length === 0 ? [cpuUtilization] : metrics,
      ...(behavior === undefined
        ? {}
        : {
            behavior: {
              scaleUp: { ...scaleUpRules, ...behavior.scaleUp },
              scaleDown: { ...scaleDownRules, ...behavior.scaleDown },
            },
          }),
    },
  } as KubeObject;
}

function targets(object: KubeObject): string {
  const { spec, status } = asHpa(object);
  const { metrics = [] } = spec;
  if (metrics.length === 0) return '<none>';
  const shown = metrics.slice(0, shownMetrics).map((metric, index) => {
    const now = status?.currentMetrics?.[index];
    const source = metric.resource ?? metric.containerResource;
    if (source === undefined) return '<unknown>/<auto>';
    const current = now?.resource?.current ?? now?.containerResource?.current;
    const { averageValue, averageUtilization } = source.target;
    const wanted =
      averageValue === undefined ? `${averageUtilization ?? 80}%` : String(averageValue);
    return `${source.name}: ${currentText(current, averageValue === undefined)}/${wanted}`;
  });
  const more = metrics.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` + ${more} more...` : ''}`;
}

function currentText(current: MetricValueStatus | undefined, asUtilization: boolean): string {
  if (asUtilization) {
    const percent = current?.averageUtilization;
    return percent === undefined ? '<unknown>' : `${percent}%`;
  }
  return String(current?.averageValue ?? '<unknown>');
}

function asHpa(object: KubeObject): HorizontalPodAutoscaler {
  return object as HorizontalPodAutoscaler;
}
