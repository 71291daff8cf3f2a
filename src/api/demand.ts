import type { SlotAnswer, SlotCount, SlotRequest } from './slots/slot-messages.ts';

/**
 * The protocol between gateways and the autoscaler: newline-delimited JSON over one TCP connection
 * that the gateway opens to the address in the autoscaler's Lease (annotation
 * `nought.dev/demand-address`). The first line of a gateway is `hello` with the token of the Secret
 * of the same name; anything else first ends the connection.
 *
 * A function is named by `namespace/name`, which stands for its latest revision; `namespace/name@REV`
 * stands for calls that are for that revision and no other (`demandKey`).
 */
export interface FunctionDemand {
  readonly function: string;
  /** Requests that are with a pod now. */
  readonly inFlight: number;
  /** Requests that wait for a pod now. */
  readonly held: number;
  /** Milliseconds since the last request ended; 0 while one is in flight or held. */
  readonly idleMs: number;
  /** Requests that arrived since the last sample. */
  readonly arrived: number;
}

export type GatewayMessage =
  | { readonly kind: 'hello'; readonly gateway: string; readonly token: string }
  /** Once a second: each function that has had a request since the connection was opened and is not yet reported at rest. */
  | { readonly kind: 'sample'; readonly functions: readonly FunctionDemand[] }
  /** A request is held and there is no pod for it: scale now. */
  | { readonly kind: 'poke'; readonly function: string; readonly held: number }
  /**
   * These draining pods (each as its `drainMark`) are out of this gateway's routes and have none of
   * its requests in flight. Sent once for each mark and connection: anew after reconnecting.
   */
  | { readonly kind: 'drained'; readonly pods: readonly string[] }
  | SlotRequest;

/** What gateways tell of demand, once they are known. */
export type DemandMessage = Exclude<GatewayMessage, { kind: 'hello' } | SlotRequest>;

export type AutoscalerMessage =
  | { readonly kind: 'welcome' }
  /** A pod of a pool has the function's code and takes calls; the watch will tell of it. */
  | { readonly kind: 'claimed'; readonly pod: ClaimedPod }
  | SlotAnswer;

/** A pod that has just become a function's. */
export interface ClaimedPod {
  readonly uid: string;
  readonly name: string;
  /** `namespace/name`. */
  readonly function: string;
  readonly revision: string;
  readonly host: string;
  readonly port: number;
  /** Restarts of all its containers. */
  readonly restarts: number;
  /** Milliseconds since the epoch. */
  readonly createdMs: number;
}

/**
 * Names one draining of one pod: the pod's uid and the value of its annotation `nought.dev/draining`.
 * A draining can be called off and begun anew; an answer to the first must not count for the second.
 */
export function drainMark(uid: string, annotation: string): string {
  return `${uid}@${annotation}`;
}

/** How gateways name what the demand is for; no revision stands for the latest one. */
export function demandKey(name: string, revision?: string): string {
  return revision === undefined ? name : `${name}@${revision}`;
}

/** The `namespace/name` of a demand's key, and the revision that it names. */
export function functionOfDemand(key: string): {
  readonly function: string;
  readonly revision: string | undefined;
} {
  const at = key.indexOf('@');
  return at < 0
    ? { function: key, revision: undefined }
    : { function: key.slice(0, at), revision: key.slice(at + 1) };
}

/** Longest line that either side accepts, in bytes. */
export const demandLineLimit = 1 << 20;

/** Parses one line of a gateway; undefined for anything that is not a message of the protocol. */
export function parseGatewayMessage(line: string): GatewayMessage | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  switch (value['kind']) {
    case 'hello':
      return isText(value['gateway']) && isText(value['token'])
        ? { kind: 'hello', gateway: value['gateway'], token: value['token'] }
        : undefined;
    case 'sample':
      return Array.isArray(value['functions']) && value['functions'].every(isDemand)
        ? { kind: 'sample', functions: value['functions'] }
        : undefined;
    case 'poke':
      return isText(value['function']) && isCount(value['held'])
        ? { kind: 'poke', function: value['function'], held: value['held'] }
        : undefined;
    case 'drained':
      return Array.isArray(value['pods']) && value['pods'].every(isText)
        ? { kind: 'drained', pods: value['pods'] }
        : undefined;
    case 'want':
      return isText(value['function']) && isCount(value['slots'])
        ? { kind: 'want', function: value['function'], slots: value['slots'] }
        : undefined;
    case 'holding':
    case 'returned':
      return isSlotCounts(value['pods']) ? { kind: value['kind'], pods: value['pods'] } : undefined;
    default:
      return undefined;
  }
}

/** Parses one line of the autoscaler; undefined for anything else. */
export function parseAutoscalerMessage(line: string): AutoscalerMessage | undefined {
  const value = parseObject(line);
  switch (value?.['kind']) {
    case 'welcome':
    case 'alive':
      return { kind: value['kind'] };
    case 'granted':
      return isText(value['function']) && isSlotCounts(value['pods'])
        ? { kind: 'granted', function: value['function'], pods: value['pods'] }
        : undefined;
    case 'cap':
      return isSlotCounts(value['pods']) ? { kind: 'cap', pods: value['pods'] } : undefined;
    case 'claimed':
      return isClaimedPod(value['pod']) ? { kind: 'claimed', pod: value['pod'] } : undefined;
    case 'recall': {
      const { function: name, wanted, owed } = value;
      return isText(name) && isCount(wanted) && isCount(owed)
        ? { kind: 'recall', function: name, wanted, owed }
        : undefined;
    }
    default:
      return undefined;
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isDemand(value: unknown): value is FunctionDemand {
  const demand = value as Partial<Record<keyof FunctionDemand, unknown>> | null;
  return (
    typeof demand === 'object' &&
    demand !== null &&
    isText(demand.function) &&
    isCount(demand.inFlight) &&
    isCount(demand.held) &&
    isCount(demand.idleMs) &&
    isCount(demand.arrived)
  );
}

function isClaimedPod(value: unknown): value is ClaimedPod {
  const pod = value as Partial<Record<keyof ClaimedPod, unknown>> | null;
  return (
    typeof pod === 'object' &&
    pod !== null &&
    isText(pod.uid) &&
    isText(pod.name) &&
    isText(pod.function) &&
    isText(pod.revision) &&
    isText(pod.host) &&
    isCount(pod.port) &&
    isCount(pod.restarts) &&
    isCount(pod.createdMs)
  );
}

function isSlotCounts(value: unknown): value is readonly SlotCount[] {
  return Array.isArray(value) && value.every(isSlotCount);
}

function isSlotCount(value: unknown): value is SlotCount {
  const count = value as Partial<Record<keyof SlotCount, unknown>> | null;
  return typeof count === 'object' && count !== null && isText(count.pod) && isCount(count.slots);
}
