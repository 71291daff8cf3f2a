import type { Pod } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/index.ts';
import type { Authorizer } from './auth/authorizer.ts';
import type { User } from './request.ts';

/** What one server accepts at most. */
export interface ServerLimits {
  /** Bytes of a request body. */
  readonly bodyBytes: number;
  /** Nesting of a JSON body. */
  readonly jsonDepth: number;
  readonly concurrentWatches: number;
}

/** How the server reaches the kubelet endpoint of nodes, for logs and metrics. */
export interface NodeLogOptions {
  /** PEM of the authority that nodes' certificates are checked against. */
  readonly ca: string;
  readonly token: string;
}

/** Who knows where new pods go, so that most are created on their node and need no binding. */
export interface PodPlacement {
  /** The node of a pod that is being created; undefined when it is to be bound later. */
  place(pod: Pod): string | undefined;
  /** A pod for which a node was given has not been created. */
  dropped(uid: string): void;
}

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Bearer token → who it stands for. */
  readonly tokens: ReadonlyMap<string, User>;
  /** Who may do what; `system:masters` everything and others nothing when left out. */
  readonly authorizer?: Authorizer;
  readonly limits?: Partial<ServerLimits>;
  /** Without it, pods' logs are refused and there is no metrics.k8s.io. */
  readonly nodeLogs?: NodeLogOptions;
  /** Without it, all pods are created without a node. */
  readonly placement?: PodPlacement;
  /** Metrics of other parts of the process, for /metrics: whole families as Prometheus text. */
  readonly moreMetrics?: () => string;
  /** Shown by /version as gitVersion's suffix. */
  readonly softwareVersion?: string;
}

export const defaultLimits: ServerLimits = {
  bodyBytes: 3 << 20,
  jsonDepth: 200,
  concurrentWatches: 2000,
};
