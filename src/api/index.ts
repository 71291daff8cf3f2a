export type {
  ConfigMap,
  Container,
  ContainerState,
  ContainerStatus,
  DownwardFile,
  EnvFromSource,
  EnvVar,
  Event,
  KeyToPath,
  Lease,
  Namespace,
  Node,
  ObjectReference,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ProjectedSource,
  ReplicaSet,
  ResourceFieldRef,
  ResourceRequirements,
  Secret,
  ServiceAccount,
  Toleration,
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
export type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HpaBehavior,
  HpaScalingPolicy,
  HpaScalingRules,
  HpaStatus,
  MetricSpec,
  MetricStatus,
  ResourceMetricSource,
} from './horizontal-pod-autoscaler.ts';
export { syncPeriodMs } from './kinds/horizontal-pod-autoscaler-validation.ts';
export { builtinDescriptors } from './kinds/builtin-descriptors.ts';
export {
  type NodeMetrics,
  type PodMetrics,
  resourceMetricsDescriptors,
  type ResourceUsage,
} from './kinds/resource-metrics.ts';
export { descriptorsFromCrd } from './crd/descriptors-from-crd.ts';
export { applyDefaults } from './schema/defaults.ts';
export { jsonEqual } from './schema/json-equal.ts';
export { type Pruned, pruneUnknown } from './schema/prune.ts';
export { decodeProblem, validateObject } from './schema/validate-object.ts';
export { type JsonPath, parseJsonPath } from './table/json-path.ts';
export { type Table, type TableOptions, toTable } from './table/to-table.ts';
export { openApiDefinitions } from './openapi/openapi-definitions.ts';
export type {
  AutoscalerMessage,
  ClaimedPod,
  DemandMessage,
  FunctionDemand,
  GatewayMessage,
} from './demand.ts';
export {
  demandKey,
  demandLineLimit,
  drainMark,
  functionOfDemand,
  parseAutoscalerMessage,
  parseGatewayMessage,
} from './demand.ts';
export { SlotHolder, type Slots } from './slots/slot-holder.ts';
export { SlotLedger, type SlotPod } from './slots/slot-ledger.ts';
export {
  type SlotAnswer,
  type SlotCount,
  slotLeaseMs,
  slotReclaimMs,
  type SlotRequest,
} from './slots/slot-messages.ts';
export type {
  AsyncSpec,
  FunctionObject,
  FunctionSource,
  FunctionSpec,
  FunctionStatus,
  Runtime,
  Signature,
  TrafficStatus,
  TrafficTarget,
} from './function.ts';
export {
  type RevisionSpec,
  restoreRevision,
  revisionFields,
  revisionPart,
  revisionRecord,
} from './revision-record.ts';
export type {
  InvocationField,
  InvocationObject,
  InvocationPhase,
  InvocationRequest,
  InvocationResponse,
  InvocationSpec,
  InvocationStatus,
  NewInvocation,
} from './invocation.ts';
export {
  asyncDefaults,
  finishedConditions,
  invocationBodyBytes,
  isFinished,
  newInvocation,
} from './invocation.ts';
export { type Claim, claimTrustLeftMs, formatClaim, parseClaim } from './claim.ts';
export { formatAge, parseGoDuration } from './duration.ts';
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
export { jsonPatch } from './patch/json-patch.ts';
export { isJsonObject, mergePatch } from './patch/merge-patch.ts';
export { strategicMergePatch } from './patch/strategic-merge-patch.ts';
export type { DecodedProtobuf, KindName } from './protobuf/decode-protobuf.ts';
export { decodeProtobuf } from './protobuf/decode-protobuf.ts';
export type { Quantity } from './quantity.ts';
export { parseQuantity } from './quantity.ts';
export type { FieldRequirement } from './selector/field-selector.ts';
export { parseFieldSelector } from './selector/field-selector.ts';
export type { LabelOperator, Labels, Requirement } from './selector/requirement.ts';
export type { Selector } from './selector/selector.ts';
export { parseLabelSelector, selectorFromObject } from './selector/selector.ts';
export type { StatusReason } from './status-error.ts';
export { isStatus, StatusError } from './status-error.ts';
export type { ParsedJson, ParseJsonOptions } from './strict-json.ts';
export { parseJson } from './strict-json.ts';
export { formatMicroTime, formatTime, parseTime } from './time.ts';
export { dns1123LabelErrors, labelValueErrors, qualifiedNameErrors } from './validation-names.ts';
