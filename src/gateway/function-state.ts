import type { Route } from './routes/route.ts';

/** The JSON of the check `GET /NS/NAME`. */
export interface FunctionState {
  readonly namespace: string;
  readonly name: string;
  readonly ready: boolean;
  readonly revision: string | null;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Requests that are with a pod of this function, as far as this gateway knows. */
  readonly inFlight: number;
  /** RFC 3339; null for a function that was never called. */
  readonly lastInvoked: string | null;
}

/** The function's state as the check shows it. */
export function functionState(route: Route): FunctionState {
  const { namespace, name, ready, revision, replicas, readyReplicas, lastInvoked } = route.facts;
  const known = Date.parse(lastInvoked ?? '') || 0;
  const newest = Math.max(known, route.demand.lastArrivalMs);
  return {
    namespace,
    name,
    ready,
    revision: revision === '' ? null : revision,
    replicas,
    readyReplicas,
    inFlight: route.demand.inFlight,
    lastInvoked: newest === 0 ? null : new Date(newest).toISOString(),
  };
}
