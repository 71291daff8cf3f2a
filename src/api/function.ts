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
  readonly revisionHistoryLimit?: number;
  /** Set through the scale subresource: pins the number of pods that a function has while it is awake. */
  readonly replicas?: number;
}

export interface FunctionStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly replicas?: number;
  readonly readyReplicas?: number;
  /** The revision that takes the traffic: value of the label `nought.dev/revision`. */
  readonly revision?: string;
  /** The label selector of the active revision's pods, for the scale subresource. */
  readonly selector?: string;
  readonly url?: string;
  readonly lastInvoked?: string;
}

/** `nought.dev/v1` Function; the object named Function is not JavaScript's. */
export interface FunctionObject extends KubeObject {
  readonly spec: FunctionSpec;
  readonly status?: FunctionStatus;
}
