import type { TrafficStatus } from '../../api/index.ts';
import { demandKey } from '../../api/index.ts';
import type { FunctionFacts, Route } from './route.ts';

interface Share {
  readonly route: Route;
  readonly weight: number;
}

/**
 * How the calls of one function go to its routes: that of the latest revision, and one for each
 * revision that the traffic names.
 *
 * Only a function whose status says so has one; all its routes share it.
 */
export class Traffic {
  /** All routes of the function, the latest revision's first; also those that still have calls only. */
  readonly family: readonly Route[];
  readonly tags: ReadonlyMap<string, Route>;
  readonly shares: readonly Share[];
  readonly #total: number;

  constructor(
    family: readonly Route[],
    tags: ReadonlyMap<string, Route>,
    shares: readonly Share[],
  ) {
    this.family = family;
    this.tags = tags;
    this.shares = shares;
    this.#total = shares.reduce((sum, { weight }) => sum + weight, 0);
  }

  /** There is nothing to share: the latest revision takes all calls. */
  get plain(): boolean {
    return this.family.length === 1 && this.shares.length === 0;
  }

  /** The route for a call that names no tag: by chance, in proportion to the weights. */
  choose(random: () => number): Route {
    let left = random() * this.#total;
    for (const { route, weight } of this.shares) {
      left -= weight;
      if (left < 0) return route;
    }
    return this.family[0] as Route;
  }

  /** The same without a route that has no calls any more. */
  without(route: Route): Traffic {
    const family = this.family.filter((each) => each !== route);
    return new Traffic(family, this.tags, this.shares);
  }
}

/** The facts of the latest revision's route, where the traffic says more of it than the Function. */
export function latestFacts(facts: FunctionFacts, places: readonly TrafficStatus[]): FunctionFacts {
  return { ...facts, ...placeFacts(places.find(({ latest }) => latest === true)) };
}

/** The facts of the route for one revision by its name; `place` is undefined when it lost its share. */
export function namedFacts(
  facts: FunctionFacts,
  revision: string,
  place: TrafficStatus | undefined,
): FunctionFacts {
  const key = demandKey(facts.key, revision);
  const ready = place?.reason === undefined;
  return { ...facts, key, named: revision, revision, ready, ...placeFacts(place) };
}

function placeFacts(place: TrafficStatus | undefined) {
  const { reason = '', message = '', replicas = 0, readyReplicas = 0 } = place ?? {};
  return { trouble: { reason, message }, replicas, readyReplicas };
}
