import {
  drainMark,
  type FunctionDemand,
  functionOfDemand,
  type DemandMessage,
} from '../../api/index.ts';

/** The demand for a function's latest revision, or for one revision by its name. */
export interface Demand {
  readonly requests: number;
  /** When the last request ended as far as the gateways know; monotonic, undefined for none known. */
  readonly lastActiveMs: number | undefined;
  /** Since when the gateways that are connected have been able to say so; monotonic. */
  readonly watchedSinceMs: number;
}

interface Entry {
  inFlight: number;
  held: number;
  lastActiveMs: number;
  reportedAtMs: number;
}

/** What one gateway has told of one function: of its latest revision, and of revisions by name. */
type FunctionEntries = Map<string | undefined, Entry>;

interface Gateway {
  /** The connection that speaks for it; undefined while it is away. */
  connection: symbol | undefined;
  connectedAtMs: number;
  lostAtMs: number;
  readonly functions: Map<string, FunctionEntries>;
  /** Draining pods that it has answered for. */
  readonly answers: Set<string>;
}

/** More than this of one gateway is not kept; its own limit is far below. */
const functionsLimit = 20_000;
/** Of one function; above the longest history that the API allows. */
const revisionsLimit = 128;
const answersLimit = 100_000;
const staleMs = 10_000;

/**
 * What the gateways have told: the demand for each function, and which draining pods are free of it.
 *
 * Invariants:
 * 1. A gateway that is away counts with what it told last until `graceMs` have passed: its requests
 *    go on without us. Also for so long after the start no pod counts as drained, because gateways
 *    may be on their way back.
 * 2. An answer is for one mark, that is for one draining of one pod, and stays true.
 * 3. Requests that a connected gateway has not spoken of for `staleMs` are over: it speaks each second.
 */
export class DemandLedger {
  readonly #graceMs: number;
  readonly #startedAtMs: number;
  readonly #gateways = new Map<string, Gateway>();

  constructor(startedAtMs: number, graceMs: number) {
    this.#startedAtMs = startedAtMs;
    this.#graceMs = graceMs;
  }

  /** A gateway has connected; `connection` speaks for it from now on. */
  connect(name: string, connection: symbol, nowMs: number): void {
    const known = this.#gateways.get(name);
    if (known === undefined) {
      this.#gateways.set(name, {
        connection,
        connectedAtMs: nowMs,
        lostAtMs: 0,
        functions: new Map(),
        answers: new Set(),
      });
      return;
    }
    known.connection = connection;
    known.connectedAtMs = nowMs;
  }

  /** Gateways that are connected. */
  get connected(): number {
    let count = 0;
    for (const gateway of this.#gateways.values()) {
      if (gateway.connection !== undefined) count += 1;
    }
    return count;
  }

  disconnect(name: string, connection: symbol, nowMs: number): void {
    const gateway = this.#gateways.get(name);
    if (gateway?.connection !== connection) return;
    gateway.connection = undefined;
    gateway.lostAtMs = nowMs;
  }

  /** Takes a message in; the functions that have requests now and had none before, each `namespace/name`. */
  take(name: string, message: DemandMessage, nowMs: number): readonly string[] {
    const gateway = this.#gateways.get(name);
    if (gateway === undefined) return [];
    switch (message.kind) {
      case 'sample':
        return sample(gateway, message.functions, nowMs);
      case 'poke':
        return poke(gateway, message, nowMs);
      case 'drained':
        for (const mark of message.pods) {
          if (gateway.answers.size < answersLimit) gateway.answers.add(mark);
        }
        return [];
    }
  }

  /**
   * The demand for those revisions of a function; undefined in place of a revision stands for calls
   * of the latest one, no list at all for all calls.
   */
  demand(name: string, nowMs: number, revisions?: readonly (string | undefined)[]): Demand {
    let requests = 0;
    let lastActiveMs: number | undefined;
    let watchedSinceMs = this.#startedAtMs;
    for (const gateway of this.#present(nowMs)) {
      watchedSinceMs = Math.max(watchedSinceMs, gateway.connectedAtMs);
      for (const [revision, entry] of gateway.functions.get(name) ?? []) {
        if (revisions !== undefined && !revisions.includes(revision)) continue;
        const isStale = gateway.connection !== undefined && nowMs - entry.reportedAtMs >= staleMs;
        if (!isStale) requests += entry.inFlight + entry.held;
        lastActiveMs = Math.max(lastActiveMs ?? entry.lastActiveMs, entry.lastActiveMs);
      }
    }
    return { requests, lastActiveMs, watchedSinceMs };
  }

  /** True when no gateway can have a request on the pod any more, since its draining `annotation`. */
  isDrained(uid: string, annotation: string, nowMs: number): boolean {
    if (nowMs - this.#startedAtMs < this.#graceMs) return false;
    const mark = drainMark(uid, annotation);
    return this.#present(nowMs).every(({ answers }) => answers.has(mark));
  }

  /** Forgets answers for a pod that is gone. */
  forgetPod(uid: string): void {
    for (const { answers } of this.#gateways.values()) {
      for (const mark of answers) {
        if (mark.startsWith(`${uid}@`)) answers.delete(mark);
      }
    }
  }

  forgetFunction(name: string): void {
    for (const { functions } of this.#gateways.values()) functions.delete(name);
  }

  /** Forgets what was told of revisions of the function that are gone. */
  keepRevisions(name: string, isThere: (revision: string) => boolean): void {
    for (const { functions } of this.#gateways.values()) {
      const entries = functions.get(name);
      for (const revision of entries?.keys() ?? []) {
        if (revision !== undefined && !isThere(revision)) entries?.delete(revision);
      }
    }
  }

  #present(nowMs: number): readonly Gateway[] {
    for (const [name, gateway] of this.#gateways) {
      const away = gateway.connection === undefined && nowMs - gateway.lostAtMs >= this.#graceMs;
      if (away) this.#gateways.delete(name);
    }
    return [...this.#gateways.values()];
  }
}

function sample(
  gateway: Gateway,
  functions: readonly FunctionDemand[],
  nowMs: number,
): readonly string[] {
  const woken: string[] = [];
  for (const { function: key, inFlight, held, idleMs } of functions) {
    const entry = entryOf(gateway, key);
    if (entry === undefined) continue;
    const before = entry.inFlight + entry.held;
    entry.inFlight = inFlight;
    entry.held = held;
    entry.reportedAtMs = nowMs;
    entry.lastActiveMs = Math.max(entry.lastActiveMs, nowMs - idleMs);
    if (before === 0 && inFlight + held > 0) woken.push(functionOfDemand(key).function);
  }
  return woken;
}

function poke(
  gateway: Gateway,
  { function: key, held }: DemandMessage & { kind: 'poke' },
  nowMs: number,
): readonly string[] {
  const entry = entryOf(gateway, key);
  if (entry === undefined) return [];
  entry.held = Math.max(1, held);
  entry.reportedAtMs = nowMs;
  entry.lastActiveMs = nowMs;
  return [functionOfDemand(key).function];
}

/** The entry of a demand's key; undefined when the gateway tells of more than is kept. */
function entryOf({ functions }: Gateway, key: string): Entry | undefined {
  const { function: name, revision } = functionOfDemand(key);
  let entries = functions.get(name);
  if (entries === undefined) {
    if (functions.size >= functionsLimit) return undefined;
    entries = new Map();
    functions.set(name, entries);
  }
  let entry = entries.get(revision);
  if (entry === undefined && entries.size < revisionsLimit) {
    entry = { inFlight: 0, held: 0, lastActiveMs: Number.NEGATIVE_INFINITY, reportedAtMs: 0 };
    entries.set(revision, entry);
  }
  return entry;
}
