import type { Refusal } from './activator/holding.ts';
import type { Route } from './routes/route.ts';
import type { Problem } from './wire/problem.ts';

/** Seconds after which a function that is starting, or a queue that was full, is worth another try. */
const retryAfterS = 1;

/** No such function. */
export function unknownFunction(key: string): Problem {
  const [namespace = '', name = ''] = key.split('/');
  return {
    status: 404,
    kind: 'no-such-function',
    title: 'No such function',
    detail: `There is no Function "${name}" in namespace "${namespace}"; "kubectl get functions -A" lists those there are`,
  };
}

/** The function has no such tag. */
export function unknownTag(key: string): Problem {
  const at = key.lastIndexOf('@');
  const [namespace = '', name = ''] = key.slice(0, at).split('/');
  return {
    status: 404,
    kind: 'no-such-tag',
    title: 'No such tag',
    detail: `Function "${name}" has no target with the tag "${key.slice(at + 1)}"; "kubectl get function ${name} -n ${namespace} -o jsonpath={.status.traffic}" shows those it has`,
  };
}

/** The path names no function. */
export function noTarget(domain: string): Problem {
  return {
    status: 404,
    kind: 'no-such-function',
    title: 'No such function',
    detail: `The path names no function; call one with POST /NAMESPACE/NAME, or at the host NAME.NAMESPACE.${domain}`,
  };
}

/** The request got no pod. */
export function refusalProblem(refusal: Refusal, route: Route): Problem {
  const { key, coldStart, hardConcurrency, trouble } = route.facts;
  switch (refusal) {
    case 'starting':
      return {
        status: 503,
        kind: 'starting',
        title: 'The function is starting',
        detail: starting(route),
        retryAfterS,
        extra: { function: key, coldStart },
      };
    case 'overloaded':
      return {
        status: 503,
        kind: 'overloaded',
        title: 'The function is overloaded',
        detail: `All pods of "${key}" are busy${hardConcurrency > 0 ? ` (${hardConcurrency} requests at once each)` : ''} and its queue takes no more; come back later, or raise spec.scaling.max`,
        retryAfterS,
        extra: { function: key },
      };
    case 'load-failed':
      return {
        status: 503,
        kind: 'load-failed',
        title: 'The function cannot be loaded',
        detail: `${trouble.message === '' ? 'Its code cannot be loaded' : trouble.message}; correct the Function and apply it again`,
        retryAfterS: 10,
        extra: { function: key },
      };
    case 'gone':
      return unknownFunction(key);
    case 'stopping':
      return {
        status: 503,
        kind: 'stopping',
        title: 'The gateway is stopping',
        detail: 'The request had not reached a function yet; send it again',
        retryAfterS,
      };
  }
}

function starting(route: Route): string {
  const { key, trouble, revision } = route.facts;
  const why = trouble.message === '' ? '' : ` (${trouble.reason}: ${trouble.message})`;
  return revision === ''
    ? `No revision of "${key}" is ready yet${why}; come back in a moment, or see "kubectl describe function"`
    : `A pod of "${key}" is being started${why}; come back in a moment, or let the gateway wait with the header "Prefer: wait=30"`;
}

/** The function took longer than it may. */
export function timedOut(key: string, timeoutMs: number): Problem {
  return {
    status: 504,
    kind: 'timeout',
    title: 'The function took too long',
    detail: `"${key}" did not answer within its timeout of ${timeoutMs / 1000} s; make it faster, or raise spec.timeout`,
    extra: { function: key },
  };
}

/** The pod broke the connection or the protocol. */
export function brokenPod(key: string, reason: string): Problem {
  return {
    status: 502,
    kind: 'pod-failed',
    title: 'The function broke off',
    detail: `The pod of "${key}" gave no complete answer: ${reason}; "kubectl logs" of its pods may say why`,
    extra: { function: key },
  };
}
