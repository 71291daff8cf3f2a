import type { Condition, FunctionObject } from '../../api/index.ts';
import { Holding, type HoldingLimits } from '../activator/holding.ts';
import { Demand } from '../demand/demand.ts';
import { parseDuration } from './duration.ts';
import type { FunctionSeries } from '../telemetry/function-series.ts';
import type { Endpoint } from './endpoint.ts';
import type { Traffic } from './traffic.ts';

/** What a Function says, with its defaults: resolved once per change. */
export interface FunctionFacts {
  /** `namespace/name`, with `@revision` for the route of a revision by its name: also of its demand. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly timeoutMs: number;
  readonly idleMs: number;
  readonly coldStart: 'wait' | 'refuse';
  readonly hardConcurrency: number;
  /** Its pods answer the ready path themselves, so that the gateway may ask them. */
  readonly probeable: boolean;
  readonly revision: string;
  /** The revision that the route is for by its name; undefined for the latest one, whichever that is. */
  readonly named: string | undefined;
  readonly ready: boolean;
  /** Reason and message of the condition `Serving` (`Ready` where there is none) that is not True. */
  readonly trouble: { readonly reason: string; readonly message: string };
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly lastInvoked: string | undefined;
}

/** Shared, since most functions have none of them. */
const noTrouble = { reason: '', message: '' };
const none: readonly Endpoint[] = [];

const defaultTimeoutMs = 30_000;
const defaultIdleMs = 60_000;

/** Reads a Function; undefined for one that is being deleted. */
export function functionFacts(object: FunctionObject): FunctionFacts | undefined {
  const { metadata, spec, status } = object;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const namespace = metadata.namespace ?? '';
  const condition = (type: string): Condition | undefined =>
    status?.conditions?.find((each) => each.type === type);
  const ready = condition('Ready')?.status === 'True';
  // While another revision still serves, what is wrong with the newest one is not for its callers.
  const serving = condition('Serving') ?? condition('Ready');
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    name: metadata.name,
    timeoutMs: parseDuration(spec.timeout) ?? defaultTimeoutMs,
    idleMs: parseDuration(spec.scaling?.idle) ?? defaultIdleMs,
    coldStart: spec.coldStart ?? 'wait',
    hardConcurrency: spec.scaling?.hardConcurrency ?? 0,
    probeable: spec.runtime !== 'image' && spec.signature !== 'http',
    revision: status?.revision ?? '',
    named: undefined,
    ready,
    trouble:
      serving === undefined || serving.status === 'True'
        ? noTrouble
        : { reason: serving.reason ?? '', message: serving.message ?? '' },
    replicas: status?.replicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    lastInvoked: status?.lastInvoked,
  };
}

/** The code cannot be loaded: waiting does not help, only a change of the Function does. */
const loadFailedReason = 'LoadFailed';

/** Pods whose limit is at most this are filled one after the other, so that the rest can drain. */
const packingLimit = 3;
/** Above this many pods two random ones are compared instead of all. */
const scanLimit = 32;

/**
 * A function with its pods, the requests it has and those that wait: all of them where the latest
 * revision takes all calls, else those for one target of the function's traffic.
 *
 * Invariants:
 * 1. `routable` holds the pods of the route's revision that may get requests, and no others, oldest
 *    first.
 * 2. No pod gets more than `hardConcurrency` requests at once, nor more than this gateway has slots
 *    of it where the limit is shared.
 */
export class Route {
  facts: FunctionFacts;
  readonly holding: Holding;
  readonly demand = new Demand();
  /** All pods that carry the function's label, by uid; kept by the route table. */
  endpoints: ReadonlyMap<string, Endpoint>;
  routable: readonly Endpoint[] = none;
  removed = false;
  /** How the function's calls are shared; undefined where the latest revision takes them all. */
  traffic: Traffic | undefined = undefined;
  /** What is counted for it; made with its first call, the metrics' business. */
  series: FunctionSeries | undefined = undefined;

  constructor(
    facts: FunctionFacts,
    limits: HoldingLimits,
    endpoints: ReadonlyMap<string, Endpoint>,
  ) {
    this.facts = facts;
    this.endpoints = endpoints;
    this.holding = new Holding(limits);
  }

  /** A pod of the revision that takes the traffic. */
  isCurrent(endpoint: Endpoint): boolean {
    return this.facts.revision !== '' && endpoint.facts.revision === this.facts.revision;
  }

  /** Finds out anew which pods may get requests. */
  refresh(): void {
    const routable: Endpoint[] = [];
    if (!this.removed) {
      for (const endpoint of this.endpoints.values()) {
        if (this.isCurrent(endpoint) && endpoint.routable) routable.push(endpoint);
      }
    }
    routable.sort(byAge);
    this.routable = routable.length === 0 ? none : routable;
  }

  /** The pod for the next request, if one has room. */
  pick(random: () => number): Endpoint | undefined {
    const limit = this.facts.hardConcurrency;
    const pods = this.routable;
    if (limit > 0) return pickWithRoom(pods, limit);
    return pods.length <= scanLimit ? leastOf(pods) : lesserOfTwo(pods, random);
  }

  /** Why no request can succeed until the Function changes; undefined when one may. */
  get loadFailure(): string | undefined {
    const { trouble } = this.facts;
    if (trouble.reason !== loadFailedReason || this.routable.length > 0) return undefined;
    return trouble.message;
  }
}

function byAge(a: Endpoint, b: Endpoint): number {
  return a.facts.createdMs - b.facts.createdMs || (a.uid < b.uid ? -1 : 1);
}

/** The pod with the fewest requests that may get one more; the oldest such where limits are small. */
function pickWithRoom(pods: readonly Endpoint[], limit: number): Endpoint | undefined {
  let best: Endpoint | undefined;
  for (const pod of pods) {
    const { slots, inFlight } = pod;
    const room = slots === undefined ? limit : Math.min(limit, slots.held, slots.cap);
    if (inFlight >= room) continue;
    if (limit <= packingLimit) return pod;
    if (best === undefined || inFlight < best.inFlight) best = pod;
  }
  return best;
}

function leastOf(pods: readonly Endpoint[]): Endpoint | undefined {
  let best = pods[0];
  for (const pod of pods) {
    if (best !== undefined && pod.inFlight < best.inFlight) best = pod;
  }
  return best;
}

function lesserOfTwo(pods: readonly Endpoint[], random: () => number): Endpoint | undefined {
  const first = pods[Math.floor(random() * pods.length)];
  const second = pods[Math.floor(random() * pods.length)];
  return first !== undefined && second !== undefined && second.inFlight < first.inFlight
    ? second
    : first;
}
