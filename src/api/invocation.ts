import type { FunctionObject } from './function.ts';
import { names } from './names.ts';
import type { Condition, KubeObject } from './object.ts';

/** A header field; `value` has one character per byte. */
export interface InvocationField {
  readonly name: string;
  readonly value: string;
}

export interface InvocationRequest {
  readonly method: string;
  /** Path and query as the function sees them. */
  readonly path: string;
  readonly headers?: readonly InvocationField[];
  /** Base64. */
  readonly body?: string;
}

export interface InvocationResponse {
  readonly status: number;
  readonly headers?: readonly InvocationField[];
  /** Base64. */
  readonly body?: string;
}

export interface InvocationSpec {
  readonly functionRef: { readonly name: string; readonly tag?: string };
  readonly request: InvocationRequest;
  /** Attempts after the first one. */
  readonly retries?: number;
  /** A Go duration: the wait before the first retry. */
  readonly backoff?: string;
  /** A Function of the same namespace. */
  readonly deadLetter?: string;
  /** A Go duration: how long it is kept once finished. */
  readonly retention?: string;
}

export type InvocationPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Cancelled';

export interface InvocationStatus {
  readonly phase?: InvocationPhase;
  readonly attempts?: number;
  readonly nextAttemptTime?: string;
  readonly startTime?: string;
  readonly finishTime?: string;
  readonly response?: InvocationResponse;
  readonly error?: { readonly title?: string; readonly detail?: string };
  readonly conditions?: readonly Condition[];
}

/** `nought.dev/v1` Invocation: one asynchronous call of a Function. */
export interface InvocationObject extends KubeObject {
  readonly spec: InvocationSpec;
  readonly status?: InvocationStatus;
}

/**
 * Most bytes of a request's or an answer's body that an Invocation holds: both in base64 have to fit
 * into the 1.5 MiB that etcd takes for one object by default.
 */
export const invocationBodyBytes = 512 * 1024;

/** The way from one phase to another ends here. */
export function isFinished({ status }: InvocationObject): boolean {
  const phase = status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Cancelled';
}

/** `spec.async` of a Function with its defaults: those of the CRD. */
export const asyncDefaults = {
  retries: 3,
  backoff: '1s',
  retention: '1h',
  maxPending: 1000,
} as const;

/** The conditions of what has just been finished in `phase`, for `kubectl wait`. */
export function finishedConditions(
  phase: 'Succeeded' | 'Failed' | 'Cancelled',
  reason: string,
  message: string,
  at: string,
): readonly Condition[] {
  const condition = { status: 'True' as const, reason, message, lastTransitionTime: at };
  return [{ type: phase === 'Succeeded' ? 'Complete' : 'Failed', ...condition }];
}

export interface NewInvocation {
  readonly fn: FunctionObject;
  readonly name: string;
  readonly request: InvocationRequest;
  readonly tag?: string | undefined;
  /** Where it goes when it fails for good. */
  readonly deadLetter: string | undefined;
}

/**
 * The object of a new asynchronous call. The Function owns it, and its settings of this moment are
 * copied: what was accepted is carried out as it was promised.
 */
export function newInvocation(call: NewInvocation): InvocationObject {
  const { fn, name, request, tag, deadLetter } = call;
  const { metadata, spec, apiVersion, kind } = fn;
  const {
    retries = asyncDefaults.retries,
    backoff = asyncDefaults.backoff,
    retention = asyncDefaults.retention,
  } = spec.async ?? {};
  const owner = {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? '',
    controller: true,
  };
  return {
    apiVersion: `${names.group}/v1`,
    kind: 'Invocation',
    metadata: {
      name,
      namespace: metadata.namespace ?? '',
      labels: { [names.label.function]: metadata.name },
      ownerReferences: [owner],
    },
    spec: {
      functionRef: { name: metadata.name, ...(tag === undefined ? {} : { tag }) },
      request,
      retries,
      backoff,
      retention,
      ...(deadLetter === undefined ? {} : { deadLetter }),
    },
  };
}
