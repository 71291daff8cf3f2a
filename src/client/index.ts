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
export type { Informer, InformerHandlers } from './informer.ts';
export { refs } from './refs.ts';
export type {
  ApiRequest,
  ApiResponse,
  StreamResponse,
  Transport,
  WatchResponse,
} from './transport.ts';
