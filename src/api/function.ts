import type { EnvFromSource, EnvVar, ResourceRequirements } from './core.ts';
import type { Condition, KubeObject } from './object.ts';

export type Runtime = 'node' | 'python' | 'image';
export type Signature = 'json' | 'fetch' | 'asgi' | 'http';

/** Exactly one member is set. */
export interface FunctionSource {
  readonly inline?: string;
  /** Path relative to the code's root → text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly package?: { readonly name: string };
  readonly image?: string;
}

/** Durations are Go's. */
export interface AsyncSpec {
  /** Attempts after the first one. */
  readonly retries?: number;
  /** The wait before the first retry. */
  readonly backoff?: string;
  /** A Function of the same namespace. */
  readonly deadLetter?: string;
  /** How long a finished call is kept. */
  readonly retention?: string;
  /** Unfinished calls at a time. */
  readonly maxPending?: number;
}

export interface FunctionSpec {
  readonly runtime: Runtime;
  readonly source: FunctionSource;
  readonly handler?: string;
  readonly signature?: Signature;
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly EnvFromSource[];
  readonly resources?: ResourceRequirements;
  readonly serviceAccountName?: string;
  /** A Go duration, 1s … 1h. */
  readonly timeout?: string;
  readonly scaling?: {
    readonly min?: number;
    readonly max?: number;
    readonly concurrency?: number;
    readonly hardConcurrency?: number;
    /** A Go duration. */
    readonly idle?: string;
  };
  readonly coldStart?: 'wait' | 'refuse';
  /** What becomes of asynchronous calls. */
  readonly async?: AsyncSpec;
  readonly revisionHistoryLimit?: number;
  /** Which revisions take the calls; without it the newest one that has proven itself takes all. */
  readonly traffic?: readonly TrafficTarget[];
  /** Set through the scale subresource: pins the number of pods that a function has while it is awake. */
  readonly replicas?: number;
}

/** A share of the calls, a name to call a revision by, or both. */
export interface TrafficTarget {
  /** Value of the label `nought.dev/revision`; exactly one of `revision` and `latest` is set. */
  readonly revision?: string;
  /** The newest revision that has proven itself, whichever that is. */
  readonly latest?: boolean;
  /** Percent of the calls. */
  readonly weight?: number;
  /** Calls of `NS/NAME@TAG` and of the host `TAG-NAME.NS.domain` come here, whatever the weight. */
  readonly tag?: string;
}

/** A target that is in force. */
export interface TrafficStatus extends TrafficTarget {
  /** Missing only for `latest` before any revision has proven itself. */
  readonly revision?: string;
  /** Of the calls that name no tag; relative to the sum of all weights. */
  readonly weight: number;
  /** Where the tag is called. */
  readonly url?: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Why the revision cannot serve, where it cannot. */
  readonly reason?: string;
  readonly message?: string;
}

export interface FunctionStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly replicas?: number;
  readonly readyReplicas?: number;
  /** The newest revision that has proven itself: value of the label `nought.dev/revision`. */
  readonly revision?: string;
  /** What takes the calls; missing where `revision` takes them all. */
  readonly traffic?: readonly TrafficStatus[];
  /** The label selector of the pods that `replicas` counts, for the scale subresource. */
  readonly selector?: string;
  readonly url?: string;
  readonly lastInvoked?: string;
}

/** `nought.dev/v1` Function; the object named Function is not JavaScript's. */
export interface FunctionObject extends KubeObject {
  readonly spec: FunctionSpec;
  readonly status?: FunctionStatus;
}
