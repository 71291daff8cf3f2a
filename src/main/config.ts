import type { AccessLogOptions, MetricsAddress } from '../gateway/index.ts';
import type { GatewayTls } from '../gateway/index.ts';
import type { Credential } from './credentials.ts';
import type { GatewayFlags } from './gateway-flags.ts';
import type { Pki } from './pki.ts';

export type StoreKind = 'memory' | 'lmdb';

/** How a process of the platform reaches the API server. */
export interface ApiAccess {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

export interface ControlPlaneConfig {
  readonly host: string;
  readonly port: number;
  readonly pki: Pki;
  readonly users: readonly Credential[];
  /** What the API server shows to the node agent. */
  readonly nodeApiToken: string;
  readonly store: StoreKind;
  readonly storeFolder: string;
  /** The gateway as pods reach it. */
  readonly gatewayUrl: string;
  /** The names of all gateways. */
  readonly gateways: readonly string[];
  /** The most pods of one warm pool; 0 for no pools. */
  readonly warmPool: number;
  readonly hpaSyncPeriodMs: number;
  readonly version: string;
}

/** What the node agent's process is for: to run pods, or only to end those that a crash has left. */
export type NodeAgentConfig = NodeAgentRun | NodeAgentSweep;

export interface NodeAgentSweep {
  readonly kind: 'sweep';
  readonly folder: string;
}

export interface NodeAgentRun {
  readonly kind: 'run';
  readonly api: ApiAccess;
  readonly nodeName: string;
  readonly folder: string;
  readonly pki: Pki;
  readonly apiToken: string;
  readonly version: string;
}

export interface GatewayConfig {
  readonly api: ApiAccess;
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly gateway: string;
  readonly tls: GatewayTls | undefined;
  readonly limits: GatewayFlags['limits'];
  readonly accessLog: AccessLogOptions | undefined;
  /** The metrics of this process alone, beside those on the shared port. */
  readonly metrics: MetricsAddress | undefined;
  /** The `OTEL_` variables of who started the platform. */
  readonly otel: Readonly<Record<string, string>>;
}
