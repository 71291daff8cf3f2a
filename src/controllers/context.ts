import type {
  KubeObject,
  Namespace,
  Node,
  ObjectMeta,
  OwnerReference,
  Pod,
  ReplicaSet,
} from '../api/index.ts';
import { type Client, createInformer, type Informer, refs } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';

/** What a controller is given: the API, time, and the local copies that it shares with the others. */
export interface ControllerContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly informers: ControllerInformers;
}

/** The copies that more than one controller reads; whoever made them runs them. */
export interface ControllerInformers {
  /** Indexed by `podIndex`. */
  readonly pods: Informer<Pod>;
  readonly replicasets: Informer<ReplicaSet>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
}

export const podIndex = {
  /** By the uid of the controlling owner; pods without one by `orphans(namespace)`. */
  controller: 'controller',
  /** By `spec.nodeName`; pods that are not bound by ''. */
  node: 'node',
} as const;

/** The value of `podIndex.controller` for pods of a namespace that no controller owns. */
export function orphans(namespace: string | undefined): string {
  return `orphans/${namespace ?? ''}`;
}

export function createControllerInformers(
  context: Omit<ControllerContext, 'informers'>,
): ControllerInformers {
  const { client, clock, log } = context;
  return {
    pods: createInformer({
      resource: client.resource(refs.pods),
      indexes: {
        [podIndex.controller]: (pod) => [
          controllerOf(pod.metadata)?.uid ?? orphans(pod.metadata.namespace),
        ],
        [podIndex.node]: (pod) => [pod.spec.nodeName ?? ''],
      },
      clock,
      log,
    }),
    replicasets: createInformer({ resource: client.resource(refs.replicasets), clock, log }),
    nodes: createInformer({ resource: client.resource(refs.nodes), clock, log }),
    namespaces: createInformer({ resource: client.resource(refs.namespaces), clock, log }),
  };
}

/** The owner that controls an object, of which there is one at most. */
export function controllerOf(metadata: ObjectMeta): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** `namespace/name`, the key of work queues; just the name for objects without a namespace. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}

/** The namespace and name of a `keyOf`. */
export function parseKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/');
  return slash === -1
    ? { name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
