import type { ResourceDescriptor } from '../descriptor.ts';
import { configMapDescriptor } from './config-map.ts';
import { customResourceDefinitionDescriptor } from './custom-resource-definition.ts';
import { eventDescriptor } from './event.ts';
import { horizontalPodAutoscalerDescriptor } from './horizontal-pod-autoscaler.ts';
import { leaseDescriptor } from './lease.ts';
import { namespaceDescriptor } from './namespace.ts';
import { nodeDescriptor } from './node.ts';
import { podDescriptor } from './pod.ts';
import { replicaSetDescriptor } from './replica-set.ts';
import { secretDescriptor } from './secret.ts';
import { serviceAccountDescriptor } from './service-account.ts';

/** The kinds that the API server has from the start; all others come from CRDs. */
export const builtinDescriptors: readonly ResourceDescriptor[] = [
  configMapDescriptor,
  eventDescriptor,
  namespaceDescriptor,
  nodeDescriptor,
  podDescriptor,
  secretDescriptor,
  serviceAccountDescriptor,
  replicaSetDescriptor,
  horizontalPodAutoscalerDescriptor,
  leaseDescriptor,
  customResourceDefinitionDescriptor,
];
