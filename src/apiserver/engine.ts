import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/index.ts';
import type { NamespaceGate } from './admission/namespace-gate.ts';
import type { Authorizer } from './auth/authorizer.ts';
import type { NodeLogOptions, PodPlacement, ServerLimits } from './options.ts';
import type { CustomResources } from './registry/custom-resources.ts';
import type { Registry } from './registry/registry.ts';
import type { Resource } from './registry/resource.ts';
import type { ServerRequest } from './request.ts';
import type { EventHub } from './storage/event-hub.ts';
import type { ObjectStore } from './storage/object-store.ts';

/** The parts of one server that handlers work with. */
export interface Engine {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly hub: EventHub;
  readonly registry: Registry;
  readonly customResources: CustomResources;
  readonly namespaces: NamespaceGate;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly limits: ServerLimits;
  readonly nodeLogs: NodeLogOptions | undefined;
  readonly placement: PodPlacement | undefined;
  readonly moreMetrics: () => string;
}

/** One request for a resource that exists. */
export interface Call {
  readonly engine: Engine;
  readonly request: ServerRequest;
  readonly resource: Resource;
  /** undefined for cluster-scoped kinds, and for a collection in all namespaces. */
  readonly namespace: string | undefined;
}

/** A call for one object. */
export interface NamedCall extends Call {
  readonly name: string;
}
