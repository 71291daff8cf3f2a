export type { Client, DeleteOptions, ObjectKey, ResourceClient, ResourceRef } from './client.ts';
export { createClient } from './create-client.ts';
export { createInformer } from './create-informer.ts';
export { EventRecorder } from './event-recorder.ts';
export { holdLease, type Term } from './hold-lease.ts';
export { httpTransport } from './http-transport.ts';
export type { Informer, InformerHandlers } from './informer.ts';
export { type Kubeconfig, loadKubeconfig } from './kubeconfig.ts';
export { refs } from './refs.ts';
export type {
  ApiRequest,
  ApiResponse,
  StreamResponse,
  Transport,
  WatchResponse,
} from './transport.ts';
