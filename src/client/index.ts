export type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectKey,
  PatchOptions,
  PatchType,
  ResourceClient,
  ResourceRef,
  WatchOptions,
} from './client.ts';
export { createClient } from './create-client.ts';
export { createInformer, type InformerOptions } from './create-informer.ts';
export { EventRecorder, type EventRecorderOptions, type Report } from './event-recorder.ts';
export { holdLease, type LeaseOptions, type Term } from './hold-lease.ts';
export { type ClusterAccess, httpTransport, type HttpTransportOptions } from './http-transport.ts';
export type { Informer, InformerHandlers } from './informer.ts';
export { type Kubeconfig, type KubeconfigOptions, loadKubeconfig } from './kubeconfig.ts';
export type { Indexes } from './object-cache.ts';
export { refs } from './refs.ts';
export type {
  ApiRequest,
  ApiResponse,
  StreamResponse,
  Transport,
  WatchResponse,
} from './transport.ts';
