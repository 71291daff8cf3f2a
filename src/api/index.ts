export type {
  ConfigMap,
  Container,
  ContainerState,
  ContainerStatus,
  EnvFromSource,
  EnvVar,
  Event,
  Lease,
  Namespace,
  Node,
  ObjectReference,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ReplicaSet,
  ResourceRequirements,
  Secret,
  ServiceAccount,
  Volume,
  VolumeMount,
} from './core.ts';
export type {
  PrinterColumn,
  ResourceDescriptor,
  ResourceHooks,
  ScalePaths,
  Verb,
} from './descriptor.ts';
export type { Schema, ValidationRule } from './schema.ts';
export type { AutoscalerMessage, FunctionDemand, GatewayMessage } from './demand.ts';
export { demandLineLimit, parseAutoscalerMessage, parseGatewayMessage } from './demand.ts';
export type {
  FunctionObject,
  FunctionSource,
  FunctionSpec,
  FunctionStatus,
  Runtime,
  Signature,
} from './function.ts';
export { names } from './names.ts';
export type {
  Condition,
  Json,
  JsonObject,
  KubeList,
  KubeObject,
  LabelSelector,
  ObjectMeta,
  OwnerReference,
  Status,
  StatusCause,
  StatusDetails,
  WatchEvent,
} from './object.ts';
export type { StatusReason } from './status-error.ts';
export { isStatus, StatusError } from './status-error.ts';
