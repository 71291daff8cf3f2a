import type { AddressInfo } from 'node:net';
import type { FunctionObject, Lease, Pod } from '../api/index.ts';
import type { Client, Informer } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import type { HoldingLimits } from './activator/holding.ts';
import type { CertificateFiles } from './tls/certificate.ts';
import type { TelemetryOptions } from './telemetry/telemetry.ts';
import type { ClientLimits } from './wire/connection.ts';
import type { ConnectionLimits } from './wire/connection-book.ts';
import type { RecentClock } from './wire/recent-clock.ts';

/** Bounds of what a client or a function can make the gateway do; bytes and milliseconds. */
export interface GatewayLimits extends ClientLimits, ConnectionLimits, HoldingLimits {
  /** How long a request waits for a pod when neither it nor its function says otherwise. */
  readonly holdMs: number;
  /** The longest wait that `Prefer: wait` can ask for. */
  readonly maxHoldMs: number;
  /** How long a connection to a pod may take to stand. */
  readonly dialTimeoutMs: number;
  /** How long a WebSocket may be silent. */
  readonly tunnelIdleMs: number;
  /** How long requests in flight may go on when the gateway stops. */
  readonly drainGraceMs: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  bodyBytes: Number.POSITIVE_INFINITY,
  headBytes: 16 * 1024,
  headLines: 100,
  headTimeoutMs: 15_000,
  bodyWindowMs: 30_000,
  bodyRate: 240,
  keepAliveMs: 75_000,
  streams: 100,
  connections: 10_000,
  connectionsPerClient: 4096,
  heldRequests: 1000,
  heldBytes: 16 * 1024 * 1024,
  holdMs: 30_000,
  maxHoldMs: 600_000,
  dialTimeoutMs: 3000,
  tunnelIdleMs: 600_000,
  drainGraceMs: 10_000,
};

/** The watches that the gateway lives on; it runs them. */
export interface GatewayInformers {
  readonly functions: Informer<FunctionObject>;
  /** Pods with the label `nought.dev/function`. */
  readonly pods: Informer<Pod>;
  /** The autoscaler's Lease, alone or among others. */
  readonly leases: Informer<Lease>;
}

/** 0 as port picks a free one. The files are taken again when they change. */
export interface GatewayTls extends CertificateFiles {
  readonly port: number;
}

export interface GatewayOptions {
  readonly client: Client;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** This gateway's name, unlike any other one's. */
  readonly gateway: string;
  /** Called once requests are taken: the first lists are in and the socket listens. */
  readonly onListening: (address: AddressInfo, tls: AddressInfo | undefined) => void;
  /**
   * Other gateways serve the same functions: hard limits are shared with them through the autoscaler;
   * default false.
   */
  readonly peers?: boolean;
  /** Several gateway processes share the port; default false. */
  readonly reusePort?: boolean;
  /** A second port for TLS, with HTTP/2 and HTTP/1.1; default none. */
  readonly tls?: GatewayTls;
  /** Hosts `NAME.NS.domain` reach functions; default `localhost`. */
  readonly domain?: string;
  /**
   * Clients are proxies whose `X-Forwarded-*` and `Forwarded` are to be believed; default false:
   * those fields are dropped and set anew.
   */
  readonly trustForwarded?: boolean;
  readonly limits?: Partial<GatewayLimits>;
  /** What is told of its work beside its metrics; default: nothing. */
  readonly telemetry?: TelemetryOptions;
  /** Default: made from the client. */
  readonly informers?: GatewayInformers;
  readonly random?: () => number;
}

export type ResolvedGateway = Required<Omit<GatewayOptions, 'tls'>> & {
  readonly limits: GatewayLimits;
  readonly tls: GatewayTls | undefined;
  readonly clock: RecentClock;
};
