import type { InvocationObject, InvocationPhase, InvocationResponse } from '../../api/index.ts';

/** The JSON of `GET /-/invocations/NS/NAME`. */
export interface InvocationState {
  readonly namespace: string;
  readonly name: string;
  readonly function: string;
  readonly tag?: string;
  readonly phase: InvocationPhase;
  readonly attempts: number;
  /** RFC 3339, as all times. */
  readonly createdAt: string | null;
  readonly startTime?: string;
  readonly nextAttemptTime?: string;
  readonly finishTime?: string;
  /** Why it has failed for good, in one word. */
  readonly reason?: string;
  readonly error?: { readonly title?: string; readonly detail?: string };
  /** The function's answer; the body is base64. */
  readonly response?: InvocationResponse;
  /** Path of this state. */
  readonly status: string;
  /** Path of the function's answer as it was. */
  readonly result: string;
}

export function pathOf({ metadata }: InvocationObject): string {
  return `/-/invocations/${metadata.namespace ?? ''}/${metadata.name}`;
}

export function invocationState(invocation: InvocationObject): InvocationState {
  const { metadata, spec, status = {} } = invocation;
  const { phase = 'Pending', attempts = 0, startTime, nextAttemptTime, finishTime } = status;
  const { error, response } = status;
  const { name: fn, tag } = spec.functionRef;
  const reason = failureOf(invocation)?.reason;
  const path = pathOf(invocation);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    function: fn,
    ...(tag === undefined ? {} : { tag }),
    phase,
    attempts,
    createdAt: metadata.creationTimestamp ?? null,
    ...(startTime === undefined ? {} : { startTime }),
    ...(nextAttemptTime === undefined ? {} : { nextAttemptTime }),
    ...(finishTime === undefined ? {} : { finishTime }),
    ...(reason === undefined ? {} : { reason }),
    ...(error === undefined ? {} : { error }),
    ...(response === undefined ? {} : { response }),
    status: path,
    result: `${path}/result`,
  };
}

/** Why it has failed for good, or was cancelled. */
export function failureOf({ status }: InvocationObject):
  | {
      readonly reason: string;
      readonly message: string;
    }
  | undefined {
  const failed = status?.conditions?.find(({ type }) => type === 'Failed');
  if (failed === undefined) return undefined;
  return { reason: failed.reason ?? '', message: failed.message ?? '' };
}
