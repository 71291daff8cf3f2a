import type { Pod } from '../core.ts';
import type { ResourceDescriptor } from '../descriptor.ts';
import type { KubeObject } from '../object.ts';
import { builtin } from './builtin.ts';
import { textLabel } from './columns.ts';
import { podColumns } from './pod-columns.ts';
import { defaultPodOnly, defaultPodSpec, qosClass } from './pod-defaults.ts';
import { validatePod, validatePodUpdate } from './pod-validation.ts';

type Members = Readonly<Record<string, unknown>>;
type Labelled = Pod & {
  readonly spec: { readonly schedulerName?: string; readonly hostNetwork?: boolean };
  readonly status?: { readonly nominatedNodeName?: string };
};

export const podDescriptor: ResourceDescriptor = builtin({
  definition: 'io.k8s.api.core.v1.Pod',
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  status: true,
  columns: podColumns,
  fieldLabels: {
    'spec.nodeName': textLabel<Labelled>((pod) => pod.spec.nodeName),
    'spec.restartPolicy': textLabel<Labelled>((pod) => pod.spec.restartPolicy),
    'spec.schedulerName': textLabel<Labelled>((pod) => pod.spec.schedulerName),
    'spec.serviceAccountName': textLabel<Labelled>((pod) => pod.spec.serviceAccountName),
    'spec.hostNetwork': textLabel<Labelled>((pod) => String(pod.spec.hostNetwork ?? false)),
    'status.phase': textLabel<Labelled>((pod) => pod.status?.phase),
    'status.podIP': textLabel<Labelled>((pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
    'status.podIPs': textLabel<Labelled>((pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
    'status.nominatedNodeName': textLabel<Labelled>((pod) => pod.status?.nominatedNodeName),
  },
  hooks: {
    prepareForCreate: (object) => {
      const defaulted = withDefaults(object);
      return {
        ...defaulted,
        status: { phase: 'Pending', qosClass: qosClass(specOf(defaulted)) },
      } as KubeObject;
    },
    prepareForUpdate: withDefaults,
    validate: validatePod,
    validateUpdate: validatePodUpdate,
  },
});

function withDefaults(object: KubeObject): KubeObject {
  return { ...object, spec: defaultPodOnly(defaultPodSpec(specOf(object))) } as KubeObject;
}

function specOf(object: KubeObject): Members {
  return (object as { readonly spec?: Members }).spec ?? {};
}
