import {
  type AccessLogOptions,
  type MetricsAddress,
  type TelemetryOptions,
  traceSettings,
} from '../gateway/index.ts';
import type { Log } from '../lib/log.ts';

export interface GatewayTelemetry {
  readonly accessLog: AccessLogOptions | undefined;
  readonly metrics: MetricsAddress | undefined;
  readonly otel: Readonly<Record<string, string | undefined>>;
}

/** What a gateway is to tell of its work; variables that cannot be used are named in the log. */
export function gatewayTelemetry(asked: GatewayTelemetry, log: Log): TelemetryOptions {
  const { accessLog, metrics, otel } = asked;
  const { options: traces, warnings } = traceSettings(otel);
  for (const warning of warnings) log.warn(warning);
  if (traces !== undefined) log.info('Exporting spans', { url: traces.url });
  return {
    ...(accessLog === undefined ? {} : { accessLog }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(traces === undefined ? {} : { traces }),
  };
}
