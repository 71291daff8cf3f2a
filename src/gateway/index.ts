export type {
  GatewayInformers,
  GatewayLimits,
  GatewayOptions,
  GatewayTls,
} from './gateway-options.ts';
export { runGateway } from './run-gateway.ts';
export type { AccessLogFormat } from './telemetry/access-line.ts';
export type { AccessLogOptions } from './telemetry/access-log.ts';
export type { MetricsAddress } from './telemetry/metrics-server.ts';
export type { TelemetryOptions } from './telemetry/telemetry.ts';
export { traceSettings } from './telemetry/trace-options.ts';
