import {
  type DemandMessage,
  functionOfDemand,
  type FunctionObject,
  names,
  type Pod,
  SlotLedger,
  type SlotAnswer,
  type SlotPod,
  slotReclaimMs,
  type SlotRequest,
} from '../../api/index.ts';
import type { Informer } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { DemandSink } from '../autoscaler/demand-server.ts';
import type { FunctionObjects } from '../function-objects.ts';
import { isLive, isReady, revisionOf } from '../roles.ts';
import { settingsOf } from '../settings.ts';

export interface SlotKeeperOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly functions: Informer<FunctionObject>;
  readonly objects: FunctionObjects;
  /** All gateways, where they are known: once each has said what it holds, nobody else can. */
  readonly gateways: readonly string[] | undefined;
}

interface Present {
  readonly connection: symbol;
  readonly send: (answer: SlotAnswer) => void;
  heardMs: number;
  /** It has said what it holds. */
  told: boolean;
}

const tickMs = 1000;

/**
 * Shares the hard limits of functions out among the gateways that are connected.
 *
 * Owns the ledger of slots. Invariants:
 * 1. Slots of a gateway that is silent or away are granted to nobody else before it must have stopped
 *    to use them: `slotReclaimMs` and the longest timeout of a function later.
 * 2. Slots of pods that are older than this keeper are granted only once no gateway can hold some
 *    that it has not told of: all known ones have, or as much time has passed since the start.
 */
export class SlotKeeper {
  readonly #options: SlotKeeperOptions;
  readonly #ledger = new SlotLedger();
  readonly #present = new Map<string, Present>();
  /** Gateways that are away: since when, monotonic. */
  readonly #away = new Map<string, number>();
  readonly #reported = new Set<string>();
  /** Demand keys that slots were wanted for, by their function. */
  readonly #keys = new Map<string, Set<string>>();
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  #longestTimeoutMs = 0;
  #allTold = false;

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
    this.#startedWallMs = options.clock.now();
  }

  /** Follows functions and pods, and the time, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, functions, objects } = this.#options;
    const look = (fn: FunctionObject): void => this.#refreshFunction(keyOf(fn));
    const unhandle = [
      functions.handle({ updated: look, deleted: look }),
      objects.handle((name) => this.#refreshFunction(name)),
      objects.pods.handle({ deleted: (pod) => this.#removed(pod) }),
    ];
    try {
      while (!signal.aborted) {
        await clock.sleep(tickMs, signal).catch(() => undefined);
        this.#tick(clock.monotonic());
      }
    } finally {
      for (const stop of unhandle) stop();
    }
  }

  connect(gateway: string, connection: symbol, send: (answer: SlotAnswer) => void): void {
    const heardMs = this.#options.clock.monotonic();
    this.#present.set(gateway, { connection, send, heardMs, told: false });
    this.#ledger.away(gateway);
    this.#away.set(gateway, heardMs);
    this.#post();
  }

  disconnect(gateway: string, connection: symbol): void {
    if (this.#present.get(gateway)?.connection !== connection) return;
    this.#present.delete(gateway);
    this.#away.set(gateway, this.#options.clock.monotonic());
    this.#ledger.away(gateway);
    this.#post();
  }

  /** Any message of the gateway: it is there. */
  heard(gateway: string): void {
    const present = this.#present.get(gateway);
    if (present !== undefined) present.heardMs = this.#options.clock.monotonic();
  }

  take(gateway: string, message: SlotRequest): void {
    const present = this.#present.get(gateway);
    if (present === undefined) return;
    switch (message.kind) {
      case 'holding':
        present.told = true;
        this.#away.delete(gateway);
        this.#ledger.holding(gateway, message.pods);
        this.#report(gateway);
        break;
      case 'want':
        this.#track(message.function);
        this.#ledger.want(gateway, message.function, message.slots);
        break;
      case 'returned':
        this.#ledger.returned(gateway, message.pods);
        break;
    }
    this.#post();
  }

  #report(gateway: string): void {
    this.#reported.add(gateway);
    const { gateways } = this.#options;
    if (this.#allTold || gateways?.every((name) => this.#reported.has(name)) !== true) return;
    this.#allTold = true;
    this.#refreshAll();
  }

  #track(key: string): void {
    const { function: name } = functionOfDemand(key);
    let keys = this.#keys.get(name);
    if (keys === undefined) {
      keys = new Set();
      this.#keys.set(name, keys);
    }
    if (keys.has(key)) return;
    keys.add(key);
    this.#refresh(key);
  }

  #refreshFunction(name: string): void {
    const keys = this.#keys.get(name);
    if (keys === undefined) return;
    for (const key of keys) this.#refresh(key);
    this.#post();
  }

  #refreshAll(): void {
    for (const name of this.#keys.keys()) this.#refreshFunction(name);
  }

  #refresh(key: string): void {
    const { function: name, revision } = functionOfDemand(key);
    const [namespace = '', local = ''] = name.split('/');
    const { functions, objects } = this.#options;
    const cached = functions.get({ namespace, name: local });
    if (cached === undefined) {
      this.#keys.get(name)?.delete(key);
      if (this.#keys.get(name)?.size === 0) this.#keys.delete(name);
      this.#ledger.pods(key, []);
      return;
    }
    const fn = objects.latestFunction(cached);
    const limit = fn.spec.scaling?.hardConcurrency ?? 0;
    this.#longestTimeoutMs = Math.max(this.#longestTimeoutMs, settingsOf(fn.spec).timeoutMs);
    const wanted = revision ?? fn.status?.revision;
    const pods = objects
      .setsOf(fn)
      .filter((set) => revisionOf(set) === wanted)
      .flatMap((set) => objects.podsOf(set))
      .filter((pod) => isLive(pod) && !isDraining(pod));
    this.#ledger.pods(key, limit === 0 ? [] : pods.map((pod) => this.#view(pod, limit)));
  }

  #view(pod: Pod, limit: number): SlotPod {
    const createdMs = Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
    return {
      uid: pod.metadata.uid ?? '',
      limit,
      ready: isReady(pod),
      createdMs,
      // Creation times are in whole seconds.
      trusted: this.#allTold || createdMs > this.#startedWallMs,
    };
  }

  #removed(pod: Pod): void {
    this.#ledger.removed(pod.metadata.uid ?? '');
  }

  #tick(nowMs: number): void {
    const forgetMs = slotReclaimMs + this.#longestTimeoutMs;
    for (const [gateway, present] of this.#present) {
      if (present.told && nowMs - present.heardMs >= slotReclaimMs && !this.#away.has(gateway)) {
        this.#away.set(gateway, present.heardMs);
        this.#ledger.away(gateway);
      }
      const isThere = present.told && !this.#away.has(gateway);
      if (isThere && this.#ledger.holds(gateway)) present.send({ kind: 'alive' });
    }
    for (const [gateway, sinceMs] of this.#away) {
      if (nowMs - sinceMs < forgetMs) continue;
      this.#away.delete(gateway);
      this.#ledger.forget(gateway);
      this.#options.log.info('Slots of a gateway that is away are free again', { gateway });
    }
    if (!this.#allTold && nowMs - this.#startedMs >= forgetMs) {
      this.#allTold = true;
      this.#refreshAll();
    }
    this.#post();
  }

  #post(): void {
    for (const { gateway, answer } of this.#ledger.mail()) {
      const present = this.#present.get(gateway);
      if (present?.told === true) present.send(answer);
    }
  }
}

/** Hands what gateways say to whom it is for. */
export function demandSink(
  demand: Pick<DemandSink, 'connect' | 'disconnect'> & {
    take(gateway: string, message: DemandMessage): void;
  },
  slots: SlotKeeper,
): DemandSink {
  return {
    connect: (gateway, connection, send) => {
      demand.connect(gateway, connection, send);
      slots.connect(gateway, connection, send);
    },
    disconnect: (gateway, connection) => {
      demand.disconnect(gateway, connection);
      slots.disconnect(gateway, connection);
    },
    take: (gateway, message) => {
      slots.heard(gateway);
      switch (message.kind) {
        case 'holding':
        case 'want':
        case 'returned':
          slots.take(gateway, message);
          break;
        case 'sample':
        case 'poke':
        case 'drained':
          demand.take(gateway, message);
          break;
      }
    },
  };
}

function isDraining(pod: Pod): boolean {
  return pod.metadata.annotations?.[names.annotation.draining] !== undefined;
}

function keyOf(fn: FunctionObject): string {
  return `${fn.metadata.namespace ?? ''}/${fn.metadata.name}`;
}
