import type { ReplicaSet } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { unchanged, validateAnnotations, validateLabels } from '../schema/metadata.ts';
import { selectorFromObject } from '../selector/selector.ts';
import { builtin } from './builtin.ts';
import { ageColumn, column, nameColumn, textLabel, wideColumn } from './columns.ts';
import { validateLabelSelector } from './label-selector.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { type CheckedPodSpec, validatePodSpec } from './pod-validation.ts';

export const replicaSetDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.apps.v1.ReplicaSet',
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  status: true,
  scale: {
    specReplicas: '.spec.replicas',
    statusReplicas: '.status.replicas',
    labelSelector: '.spec.selector',
  },
  columns: [
    nameColumn,
    column(
      'Desired',
      'integer',
      'How many pods it is to have',
      (object) => asSet(object).spec.replicas ?? 0,
    ),
    column(
      'Current',
      'integer',
      'How many pods it has',
      (object) => asSet(object).status?.replicas ?? 0,
    ),
    column(
      'Ready',
      'integer',
      'How many of its pods are ready',
      (object) => asSet(object).status?.readyReplicas ?? 0,
    ),
    ageColumn,
    wideColumn('Containers', 'string', 'Names of the containers of its template', (object) =>
      containers(object, (one) => one.name),
    ),
    wideColumn('Images', 'string', 'Images of the containers of its template', (object) =>
      containers(object, (one) => one.image ?? ''),
    ),
    wideColumn('Selector', 'string', 'Labels that make a pod its own', (object) =>
      selectorFromObject(asSet(object).spec.selector).toString(),
    ),
  ],
  fieldLabels: {
    'status.replicas': textLabel<ReplicaSet>((set) => String(set.status?.replicas ?? 0)),
  },
  hooks: {
    prepareForCreate: (object) =>
      ({ ...withDefaults(object), status: { replicas: 0 } }) as KubeObject,
    prepareForUpdate: withDefaults,
    validate: validateReplicaSet,
    validateUpdate: (object, old) =>
      unchanged('spec.selector', asSet(object).spec.selector, asSet(old).spec.selector),
  },
});

function withDefaults(object: KubeObject): KubeObject {
  const { spec = {} } = object as { readonly spec?: Partial<ReplicaSet['spec']> };
  const template = spec.template ?? { spec: { containers: [] } };
  const labels = template.metadata?.labels;
  const unlabelled = Object.keys(object.metadata.labels ?? {}).length === 0;
  const metadata =
    unlabelled && labels !== undefined ? { ...object.metadata, labels } : object.metadata;
  const podSpec = defaultPodSpec({ ...template.spec });
  return {
    ...object,
    metadata,
    spec: { replicas: 1, ...spec, template: { metadata: {}, ...template, spec: podSpec } },
  } as KubeObject;
}

function validateReplicaSet(object: KubeObject): readonly StatusCause[] {
  const { spec } = asSet(object);
  const causes: StatusCause[] = [];
  for (const member of ['replicas', 'minReadySeconds'] as const) {
    const value = spec[member] ?? 0;
    if (value >= 0) continue;
    const detail = 'must be greater than or equal to 0';
    causes.push(fieldError.invalid(`spec.${member}`, value, detail));
  }
  const selectorCauses = validateLabelSelector(spec.selector, 'spec.selector');
  causes.push(...selectorCauses);
  const { matchLabels = {}, matchExpressions = [] } = spec.selector;
  const empty = Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
  if (empty) {
    const detail = 'empty selector is invalid for replicaset';
    causes.push(fieldError.invalid('spec.selector', spec.selector, detail));
  }
  const labels = spec.template.metadata?.labels ?? {};
  if (!empty && selectorCauses.length === 0 && !selectorFromObject(spec.selector).matches(labels)) {
    const detail = '`selector` does not match template `labels`';
    causes.push(fieldError.invalid('spec.template.metadata.labels', labels, detail));
  }
  causes.push(
    ...validateLabels(labels, 'spec.template.labels'),
    ...validateAnnotations(spec.template.metadata?.annotations ?? {}, 'spec.template.annotations'),
    ...validateTemplateSpec({ ...spec.template.spec } as CheckedPodSpec),
  );
  return causes;
}

function validateTemplateSpec(spec: CheckedPodSpec): readonly StatusCause[] {
  const path = 'spec.template.spec';
  const causes = [...validatePodSpec(spec, path)];
  if (spec.restartPolicy !== 'Always') {
    causes.push(fieldError.notSupported(`${path}.restartPolicy`, spec.restartPolicy, ['Always']));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    const detail = 'activeDeadlineSeconds in ReplicaSet is not Supported';
    causes.push(fieldError.forbidden(`${path}.activeDeadlineSeconds`, detail));
  }
  return causes;
}

function containers(
  object: KubeObject,
  read: (container: ReplicaSet['spec']['template']['spec']['containers'][number]) => string,
): string {
  return asSet(object).spec.template.spec.containers.map(read).join(',');
}

function asSet(object: KubeObject): ReplicaSet {
  return object as ReplicaSet;
}
