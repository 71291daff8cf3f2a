import { parseArgs } from 'node:util';
import type { AccessLogFormat } from '../gateway/index.ts';
import type { StoreKind } from './config.ts';
import {
  type GatewayFlags,
  gatewayFlagOptions,
  type GatewayFlagValues,
  parseGatewayFlags,
} from './gateway-flags.ts';
import { parseNumber, parsePort } from './number-flag.ts';
import { UsageError } from './usage-error.ts';

/** What `nought up` was asked for. */
export interface UpFlags {
  readonly home: string | undefined;
  /** 0 picks a free one. */
  readonly port: number;
  readonly gatewayPort: number;
  readonly clients: GatewayFlags;
  readonly store: StoreKind;
  readonly gateways: number;
  /** The most booted pods that wait in one pool; 0 for no pools. */
  readonly warmPool: number;
  /** How often HorizontalPodAutoscalers decide that do not say so themselves. */
  readonly hpaSyncPeriodMs: number;
  /** Undefined for no access log. */
  readonly accessLog: AccessLogFormat | undefined;
  /** Of the first gateway, the next ones follow; 0 picks free ones; undefined for none. */
  readonly metricsPort: number | undefined;
}

const maxGateways = 64;
const defaultWarmPool = '32';
const maxWarmPool = 1000;

export const upUsage = `Start the platform on this machine and keep it running.

Usage:
  nought up [flags]

Flags:
  --port PORT           port of the API server on 127.0.0.1 (default 6443, 0 picks a free one)
  --gateway-port PORT   port of the gateway on 127.0.0.1 (default 8080, 0 picks a free one)
  --gateway-tls-port P  a second port of the gateway for TLS, with HTTP/2 (0 picks a free one)
  --gateway-tls-cert FILE, --gateway-tls-key FILE
                        PEM files for it, read again when they change; without them the
                        certificate is the platform's own, signed by DIR/pki/ca.crt
  --max-body-bytes N    largest body of a call (default: no limit, for bodies are streamed)
  --max-connections-per-client N
                        connections of one client address to one gateway (default 4096)
  --gateways N          gateway processes that share the port (default 1)
  --warm-pool N         the most pods that are kept booted for functions of one namespace and runtime
                        (default 32; how many there are follows the calls); off: none
  --horizontal-pod-autoscaler-sync-period D
                        how often HorizontalPodAutoscalers decide, from 1s to 24h (default 15s); one of
                        them by its annotation nought.dev/sync-period
  --access-log FORMAT   one line per call, as json or combined, in DIR/logs/gateway.access.log
  --metrics-port PORT   metrics of the gateway at http://127.0.0.1:PORT/metrics; with several
                        gateways PORT, PORT+1, … (0 picks free ones; endpoints.json names them)
  --home DIR            where data, secrets and logs are kept (default $NOUGHT_HOME or ~/.nought)
  --store KIND          lmdb: on disk (default); memory: forgotten at the end
  --runtime KIND        process: pods are processes of this machine (default)
  -h, --help            this text

When all is ready, DIR/endpoints.json says where; DIR/kubeconfig is for kubectl. Ctrl-C or SIGTERM
stops the platform and all pods; objects stay in DIR for the next start.

Examples:
  nought up
  nought up --home /tmp/try --port 0 --gateway-port 0
  export KUBECONFIG=~/.nought/kubeconfig && kubectl get functions
`;

/** Parses the flags of `up`; throws UsageError that names the flag and what was expected. */
export function parseUpFlags(args: readonly string[]): UpFlags | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const runtime = values.runtime ?? 'process';
  if (runtime !== 'process') {
    throw new UsageError(`Cannot use --runtime "${runtime}": expected process`);
  }
  const store = values.store ?? 'lmdb';
  if (store !== 'lmdb' && store !== 'memory') {
    throw new UsageError(`Cannot use --store "${store}": expected lmdb or memory`);
  }
  if (values.home === '') throw new UsageError('Cannot use --home "": expected a folder');
  return {
    home: values.home,
    port: parsePort('--port', values.port ?? '6443'),
    gatewayPort: parsePort('--gateway-port', values['gateway-port'] ?? '8080'),
    clients: parseGatewayFlags(values),
    store,
    gateways: parseNumber('--gateways', values.gateways ?? '1', { from: 1, to: maxGateways }),
    warmPool: parseWarmPool(values['warm-pool']),
    hpaSyncPeriodMs: parseSyncPeriod(values['horizontal-pod-autoscaler-sync-period']),
    accessLog: parseAccessLog(values['access-log']),
    metricsPort:
      values['metrics-port'] === undefined
        ? undefined
        : parsePort('--metrics-port', values['metrics-port']),
  };
}

function parse(args: readonly string[]): {
  home?: string;
  port?: string;
  'gateway-port'?: string;
  gateways?: string;
  'warm-pool'?: string;
  'horizontal-pod-autoscaler-sync-period'?: string;
  'access-log'?: string;
  'metrics-port'?: string;
  store?: string;
  runtime?: string;
  help?: boolean;
} & GatewayFlagValues {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        home: { type: 'string' },
        port: { type: 'string' },
        'gateway-port': { type: 'string' },
        gateways: { type: 'string' },
        'warm-pool': { type: 'string' },
        'horizontal-pod-autoscaler-sync-period': { type: 'string' },
        'access-log': { type: 'string' },
        'metrics-port': { type: 'string' },
        store: { type: 'string' },
        runtime: { type: 'string' },
        ...gatewayFlagOptions,
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** The most pods of one warm pool, 0 for `off`; throws UsageError. */
export function parseWarmPool(text = defaultWarmPool): number {
  if (text === 'off') return 0;
  return parseNumber('--warm-pool', text, { from: 0, to: maxWarmPool, orWord: 'off' });
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const shortestSyncPeriodMs = 1000;
const longestSyncPeriodMs = 86_400_000;

/**
 * The interval of HorizontalPodAutoscalers in milliseconds; throws UsageError. The durations of
 * `api/` are not used, as the supervisor would carry that whole room in its memory.
 */
function parseSyncPeriod(text = '15s'): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smh])/g)];
  const ms = parts.reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0),
    0,
  );
  const isWhole = parts.map(([part]) => part).join('') === text;
  if (isWhole && ms >= shortestSyncPeriodMs && ms <= longestSyncPeriodMs) return ms;
  throw new UsageError(
    `Cannot use --horizontal-pod-autoscaler-sync-period "${text}": expected a duration from 1s to 24h, such as 15s`,
  );
}

/** The format of the access log, undefined for none; throws UsageError. */
export function parseAccessLog(format: string | undefined): AccessLogFormat | undefined {
  if (format === undefined || format === 'json' || format === 'combined') return format;
  throw new UsageError(`Cannot use --access-log "${format}": expected json or combined`);
}
