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
  /** How the calls are shared, where they are; weights are relative to their sum. */
  readonly traffic?: readonly { readonly revision: string; readonly weight: number }[];
}

/** The function's state as the check shows it. */
export function functionState(route: Route): FunctionState {
  const { traffic } = route;
  if (traffic === undefined) return stateOf([route]);
  const shares = traffic.shares.map((each) => ({
    revision: each.route.facts.revision,
    weight: each.weight,
  }));
  return { ...stateOf(traffic.family), traffic: shares };
}

/** The state of the target that a tag names. */
export function targetState(route: Route): FunctionState {
  return stateOf([route]);
}

function stateOf(routes: readonly Route[]): FunctionState {
  const { namespace, name, ready, revision, lastInvoked } = (routes[0] as Route).facts;
  // A revision that is named and the latest has two routes to the same pods.
  const pods = [...new Map(routes.map(({ facts }) => [facts.revision, facts])).values()];
  const known = Date.parse(lastInvoked ?? '') || 0;
  const newest = Math.max(known, ...routes.map(({ demand }) => demand.lastArrivalMs));
  return {
    namespace,
    name,
    ready,
    revision: revision === '' ? null : revision,
    replicas: pods.reduce((total, { replicas }) => total + replicas, 0),
    readyReplicas: pods.reduce((total, { readyReplicas }) => total + readyReplicas, 0),
    inFlight: routes.reduce((total, { demand }) => total + demand.inFlight, 0),
    lastInvoked: newest === 0 ? null : new Date(newest).toISOString(),
  };
}
