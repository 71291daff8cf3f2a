import { resolve } from 'node:path';
import type { GatewayLimits } from '../gateway/index.ts';
import { parseNumber, parsePort } from './number-flag.ts';
import { UsageError } from './usage-error.ts';

/** PEM files. */
export interface CertificateFlags {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What a command line says of the gateway's clients; the same for `up` and `serve`. */
export interface GatewayFlags {
  /** Undefined for no TLS; port 0 picks a free one; without files the platform's own are meant. */
  readonly tls: { readonly port: number; readonly files: CertificateFlags | undefined } | undefined;
  /** Those that differ from the gateway's own. */
  readonly limits: Partial<Pick<GatewayLimits, 'bodyBytes' | 'connectionsPerClient'>>;
}

export const gatewayFlagOptions = {
  'gateway-tls-port': { type: 'string' },
  'gateway-tls-cert': { type: 'string' },
  'gateway-tls-key': { type: 'string' },
  'max-body-bytes': { type: 'string' },
  'max-connections-per-client': { type: 'string' },
} as const;

export type GatewayFlagValues = { readonly [Name in keyof typeof gatewayFlagOptions]?: string };

/** Reads the flags; throws UsageError that names the one that is wrong. */
export function parseGatewayFlags(values: GatewayFlagValues): GatewayFlags {
  const port = values['gateway-tls-port'];
  const files = parseFiles(values['gateway-tls-cert'], values['gateway-tls-key']);
  if (port === undefined && files !== undefined) {
    throw new UsageError('Cannot use --gateway-tls-cert: --gateway-tls-port is missing');
  }
  const bodyBytes = values['max-body-bytes'];
  const connections = values['max-connections-per-client'];
  return {
    tls: port === undefined ? undefined : { port: parsePort('--gateway-tls-port', port), files },
    limits: {
      ...(bodyBytes === undefined
        ? {}
        : {
            bodyBytes: parseNumber('--max-body-bytes', bodyBytes, {
              from: 1,
              to: Number.MAX_SAFE_INTEGER,
            }),
          }),
      ...(connections === undefined
        ? {}
        : {
            connectionsPerClient: parseNumber('--max-connections-per-client', connections, {
              from: 1,
              to: 1_000_000,
            }),
          }),
    },
  };
}

/** Paths are made absolute: the gateway's process may run elsewhere. */
function parseFiles(
  cert: string | undefined,
  key: string | undefined,
): CertificateFlags | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError(
      `Cannot use --gateway-tls-${cert === undefined ? 'key' : 'cert'}: the certificate and its key go together`,
    );
  }
  return { certFile: resolve(cert), keyFile: resolve(key) };
}
