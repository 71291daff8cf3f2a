import { readFileSync } from 'node:fs';
import type { Sampler } from './tracer.ts';

/** Where and how spans are exported; made from the standard `OTEL_` variables. */
export interface TraceOptions {
  /** Full URL of the collector's traces. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Attributes of the resource beside `service.name`. */
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: Sampler;
  readonly gzip: boolean;
  /** PEM of the authority of an https collector; undefined for those that Node knows. */
  readonly ca: string | undefined;
  /** Limit of one request to the collector; milliseconds. */
  readonly timeoutMs: number;
  /** How long spans are gathered before they are sent; milliseconds. */
  readonly delayMs: number;
  /** Spans that may wait; further ones are dropped. */
  readonly queueSpans: number;
  readonly batchSpans: number;
}

export interface TraceSettings {
  /** Undefined when nothing is to be exported. */
  readonly options: TraceOptions | undefined;
  /** What was not understood, and what is done instead: one sentence each. */
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const defaultTimeoutMs = 10_000;
const defaultDelayMs = 5000;
const defaultQueueSpans = 2048;
const defaultBatchSpans = 512;

/**
 * Reads OpenTelemetry's environment variables (specification: "OpenTelemetry Environment Variable
 * Specification", "OpenTelemetry Protocol Exporter"). Nothing is exported unless an endpoint is named.
 */
export function traceSettings(env: Environment): TraceSettings {
  const warnings: string[] = [];
  const url = tracesUrl(env, warnings);
  const disabled =
    env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  if (url === undefined || disabled) return { options: undefined, warnings };
  const protocol =
    env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? '';
  if (protocol === 'grpc') {
    warnings.push(
      'Cannot export spans by the protocol "grpc": only http/json is spoken; name the HTTP endpoint of the collector',
    );
    return { options: undefined, warnings };
  }
  if (protocol !== '' && protocol !== 'http/json') {
    warnings.push(`Spans are sent as http/json, not as "${protocol}": collectors take both`);
  }
  const { 'service.name': named, ...resource } = pairs(env['OTEL_RESOURCE_ATTRIBUTES']);
  const compression =
    env['OTEL_EXPORTER_OTLP_TRACES_COMPRESSION'] ?? env['OTEL_EXPORTER_OTLP_COMPRESSION'];
  const number = (name: string, otherwise: number): number => {
    const text = env[name] ?? '';
    if (text === '' || /^[1-9]\d{0,8}$/.test(text)) return Number(text) || otherwise;
    warnings.push(`Cannot use ${name} "${text}": expected a number above 0; ${otherwise} is used`);
    return otherwise;
  };
  const queueSpans = number('OTEL_BSP_MAX_QUEUE_SIZE', defaultQueueSpans);
  const timeouts = 'OTEL_EXPORTER_OTLP_TIMEOUT';
  const options: TraceOptions = {
    url,
    headers: {
      ...pairs(env['OTEL_EXPORTER_OTLP_HEADERS']),
      ...pairs(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS']),
    },
    serviceName: env['OTEL_SERVICE_NAME'] || named || 'nought-gateway',
    resource,
    sampler: samplerOf(env, warnings),
    gzip: compression === 'gzip',
    ca: certificateOf(env, warnings),
    timeoutMs: number('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', number(timeouts, defaultTimeoutMs)),
    delayMs: number('OTEL_BSP_SCHEDULE_DELAY', defaultDelayMs),
    queueSpans,
    batchSpans: Math.min(
      queueSpans,
      number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', Math.min(defaultBatchSpans, queueSpans)),
    ),
  };
  return { options, warnings };
}

/** The traces' own endpoint as it is, or the common one with `/v1/traces` behind it. */
function tracesUrl(env: Environment, warnings: string[]): string | undefined {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '';
  const shared = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  const named = own === '' ? shared : own;
  if (named === '') return undefined;
  if (!URL.canParse(named) || !/^https?:$/.test(new URL(named).protocol)) {
    warnings.push(`Cannot export spans to "${named}": expected an http or https URL`);
    return undefined;
  }
  const url = new URL(named);
  if (own === '') url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

function certificateOf(env: Environment, warnings: string[]): string | undefined {
  const path =
    env['OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE'] ?? env['OTEL_EXPORTER_OTLP_CERTIFICATE'] ?? '';
  if (path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    warnings.push(`Cannot read the certificate "${path}" of the collector: ${String(error)}`);
    return undefined;
  }
}

function samplerOf(env: Environment, warnings: string[]): Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on';
  const parentBased = name.startsWith('parentbased_');
  switch (name.replace(/^parentbased_/, '')) {
    case 'always_on':
      return { parentBased, ratio: 1 };
    case 'always_off':
      return { parentBased, ratio: 0 };
    case 'traceidratio':
      return { parentBased, ratio: ratioOf(env['OTEL_TRACES_SAMPLER_ARG'], warnings) };
    default:
      warnings.push(
        `Cannot use OTEL_TRACES_SAMPLER "${name}": expected always_on, always_off or traceidratio, alone or after "parentbased_"; parentbased_always_on is used`,
      );
      return { parentBased: true, ratio: 1 };
  }
}

function ratioOf(given: string | undefined, warnings: string[]): number {
  if (given === undefined || given === '') return 1;
  const ratio = Number(given);
  if (ratio >= 0 && ratio <= 1) return ratio;
  warnings.push(
    `Cannot use OTEL_TRACES_SAMPLER_ARG "${given}": expected a number from 0 to 1; 1 is used`,
  );
  return 1;
}

/** `a=1,b=2` with percent-encoded values, as of W3C Baggage; what is no pair is left out. */
function pairs(list: string | undefined): Record<string, string> {
  const out: Record<string, string> = {};
  for (const pair of (list ?? '').split(',')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, at)).trim();
    if (name === '') continue;
    const value = pair.slice(at + 1).trim();
    try {
      out[name] = decodeURIComponent(value);
    } catch {
      out[name] = value;
    }
  }
  return out;
}
