export type { Attributes, Authorizer, Decision } from './auth/authorizer.ts';
export type { Listener, ListenOptions } from './http/listen.ts';
export type { InProcessRequest, InProcessTransport } from './in-process.ts';
export type { ApiServerOptions, NodeLogOptions, PodPlacement, ServerLimits } from './options.ts';
export type { User } from './request.ts';
export { openApiServer, type ApiServer } from './server.ts';
