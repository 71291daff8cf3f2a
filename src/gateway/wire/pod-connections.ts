import type { RecentClock } from './recent-clock.ts';
import {
  type ConnectionHome,
  type UpstreamAddress,
  UpstreamConnection,
} from './upstream-connection.ts';

/**
 * What will do for a request. `any`: it may be repeated, or the pod closes no idle connection;
 * `fresh`: one that the pod is not about to close; `new`: none that was used before.
 */
export type ConnectionUse = 'any' | 'fresh' | 'new';

/** How long an idle connection is kept when the pod says nothing about it; milliseconds. */
const idleMs = 60_000;
/** Idle time up to which a connection is trusted with a request that must not be sent twice. */
const freshMs = 1000;
/** How long before the end that a pod announced (`Keep-Alive: timeout=N`) it is counted as over. */
const marginMs = 1000;
const maxIdle = 128;

/**
 * The keep-alive connections to one pod.
 *
 * Owns the idle ones. Invariants:
 * 1. It belongs to one pod, known by its uid; `close` destroys what is idle, and what is in use when
 *    it comes back. So no connection outlives the pod's entry, whoever has its address next.
 * 2. Last in, first out: what load does not need becomes old and is closed.
 * 3. `fresh` is a connection within the time that the pod announced, or used a moment ago: that one a
 *    pod of which nothing more is known is not about to close.
 */
export class PodConnections implements ConnectionHome {
  readonly address: UpstreamAddress;
  readonly clock: RecentClock;
  readonly #idle: UpstreamConnection[] = [];
  #closed = false;

  constructor(address: UpstreamAddress, clock: RecentClock) {
    this.address = address;
    this.clock = clock;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** A connection for one request: an idle one if it is fit for it, else a new one. */
  take(use: ConnectionUse): UpstreamConnection {
    return this.#reusable(use) ?? new UpstreamConnection(this.address, this);
  }

  idle(connection: UpstreamConnection): void {
    if (this.#closed) {
      connection.destroy();
      return;
    }
    // The oldest goes: were it the newest, only connections too old for a POST would be left.
    if (this.#idle.length >= maxIdle) this.#idle.shift()?.destroy();
    connection.idleSince = this.clock.recent;
    this.#idle.push(connection);
  }

  lost(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Closes what has been idle for too long. */
  sweep(now: number): void {
    let expired = 0;
    while (expired < this.#idle.length && now >= endOf(this.#idle[expired])) expired += 1;
    for (const connection of this.#idle.splice(0, expired)) connection.destroy();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  #reusable(use: ConnectionUse): UpstreamConnection | undefined {
    if (use === 'new') return undefined;
    while (this.#idle.length > 0) {
      const connection = this.#idle.at(-1) as UpstreamConnection;
      if (connection.usable) {
        const now = this.clock.recent;
        const end = use === 'fresh' ? safeEndOf(connection) : endOf(connection);
        if (now >= end) return undefined;
        this.#idle.pop();
        return connection;
      }
      this.#idle.pop();
      connection.destroy();
    }
    return undefined;
  }
}

/** When an idle connection is to be closed. */
function endOf(connection: UpstreamConnection | undefined): number {
  if (connection === undefined) return Number.POSITIVE_INFINITY;
  return connection.keepAliveSeconds < 0
    ? connection.idleSince + idleMs
    : connection.idleSince + connection.keepAliveSeconds * 1000 - marginMs / 2;
}

/** Until when the pod is sure not to close an idle connection. */
function safeEndOf(connection: UpstreamConnection): number {
  return connection.keepAliveSeconds < 0
    ? connection.idleSince + freshMs
    : connection.idleSince + connection.keepAliveSeconds * 1000 - marginMs;
}
