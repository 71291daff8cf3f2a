import type { Socket } from 'node:net';
import type { Exchange } from './exchange.ts';
import type { RecentClock } from './recent-clock.ts';
import type { HeadLimits, RequestHeadParser } from './request-head.ts';

/** Limits of the client side; bytes and milliseconds. */
export interface ClientLimits extends HeadLimits {
  /** Largest body of a request; Infinity for none. */
  readonly bodyBytes: number;
  /** From a head's first byte to its last. */
  readonly headTimeoutMs: number;
  /** Over how much time the rate of a body is measured. */
  readonly bodyWindowMs: number;
  /** Slowest rate of a body whose answer has not begun, while the gateway reads; bytes per second. */
  readonly bodyRate: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** Requests at once on one connection of HTTP/2. */
  readonly streams: number;
}

/** What all connections of one front share. */
export interface FrontContext {
  readonly limits: ClientLimits;
  readonly clock: RecentClock;
  readonly parser: RequestHeadParser;
  readonly handler: (exchange: Exchange) => void;
  /** Clients speak TLS. */
  readonly secure: boolean;
  /** The front is closing: no connection is kept alive. */
  readonly closing: boolean;
  /** A request was refused before it reached the handler. */
  readonly refused: (status: number) => void;
}

/** A client's connection, whatever it speaks. */
export interface Connection {
  /** Acts on deadlines that have passed. */
  sweep(now: number): void;
  /** Ends when what is under way has been answered; takes nothing new. */
  closeIdle(): void;
  destroy(): void;
}

/** Who hears of the connections that a layer makes. */
export interface ConnectionOwner {
  opened(connection: Connection): void;
  closed(connection: Connection): void;
}

/** Makes connections of the sockets that a front accepts. */
export interface ConnectionLayer {
  readonly secure: boolean;
  accept(socket: Socket, front: FrontContext, owner: ConnectionOwner): void;
}
