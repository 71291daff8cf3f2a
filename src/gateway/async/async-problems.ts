import { invocationBodyBytes } from '../../api/index.ts';
import { type Problem, refusal } from '../wire/problem.ts';

const retryAfterS = 1;

/** More than an Invocation can hold. */
export function asyncBodyTooLarge(): Problem {
  return refusal(
    413,
    `The body of an asynchronous call is kept in the cluster and may have ${invocationBodyBytes} bytes; send less, send a reference to where the data lies, or call without "Prefer: respond-async"`,
  );
}

/** The function has as many unfinished asynchronous calls as it may, or as large ones. */
export function tooManyPending(key: string, count: number): Problem {
  return {
    status: 503,
    kind: 'overloaded',
    title: 'Too many asynchronous calls are waiting',
    detail: `"${key}" has ${count} asynchronous calls that are not finished, and may have no more; come back later, raise spec.scaling.max to have them done faster, or raise spec.async.maxPending`,
    retryAfterS: 5,
    extra: { function: key },
  };
}

/** This gateway holds as much as it may of bodies that are being accepted. */
export function intakeFull(): Problem {
  return {
    status: 503,
    kind: 'overloaded',
    title: 'The gateway is accepting too many calls at once',
    detail:
      'Too many asynchronous calls are being written down at this moment; come back in a second',
    retryAfterS,
  };
}

/** It could not be made durable. */
export function notAccepted(reason: string): Problem {
  return {
    status: 503,
    kind: 'not-accepted',
    title: 'The call was not accepted',
    detail: `An asynchronous call is accepted once the cluster has stored it, and it could not: ${reason}; send it again, with an Idempotency-Key to be safe from having it done twice`,
    retryAfterS,
  };
}

/** The API server cannot be asked. */
export function clusterAway(): Problem {
  return {
    status: 503,
    kind: 'cluster-away',
    title: 'The cluster does not answer',
    detail:
      'What is known of an asynchronous call lies in the cluster, whose API server does not answer now; come back in a moment',
    retryAfterS,
  };
}

/** One Idempotency-Key for two different requests. */
export function keyReused(): Problem {
  return {
    status: 422,
    kind: 'idempotency-key-reused',
    title: 'The Idempotency-Key stands for another call',
    detail:
      'A call of this function with this Idempotency-Key and another method, path or body was accepted before; take a new key for a new call',
  };
}

export function unknownInvocation(namespace: string, name: string): Problem {
  return {
    status: 404,
    kind: 'no-such-invocation',
    title: 'No such invocation',
    detail: `There is no invocation "${name}" in namespace "${namespace}": there was none, its retention time is over, or it was deleted`,
  };
}

export function alreadyFinished(phase: string): Problem {
  return {
    status: 409,
    kind: 'already-finished',
    title: 'The invocation has already finished',
    detail: `It cannot be cancelled any more: its phase is ${phase}`,
    extra: { phase },
  };
}

/** It has failed without an answer of the function that could be shown. */
export function failedWithoutAnswer(reason: string, message: string): Problem {
  return {
    status: 502,
    kind: 'invocation-failed',
    title: 'The invocation has failed',
    detail: message,
    extra: { reason },
  };
}

export function wasCancelled(): Problem {
  return {
    status: 410,
    kind: 'invocation-cancelled',
    title: 'The invocation was cancelled',
    detail: 'There is no result, and there will be none',
  };
}
