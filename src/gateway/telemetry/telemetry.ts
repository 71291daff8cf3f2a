import { Exposition, labelPairs } from '../../lib/exposition.ts';
import { ProcessMetrics } from '../../lib/process-metrics.ts';
import type { CallRecord } from '../call-record.ts';
import type { ResolvedGateway } from '../gateway-options.ts';
import type { Route } from '../routes/route.ts';
import { traceContext, type TraceContext } from '../trace-context.ts';
import type { Exchange } from '../wire/exchange.ts';
import { refusal } from '../wire/problem.ts';
import { AccessLog, type AccessLogOptions } from './access-log.ts';
import { callSpans } from './call-spans.ts';
import { type GatewayGauges, GatewayMetrics } from './gateway-metrics.ts';
import { type MetricsAddress, MetricsServer } from './metrics-server.ts';
import { SpanExporter } from './span-exporter.ts';
import type { TraceOptions } from './trace-options.ts';
import { Tracer } from './tracer.ts';

/** What is told of the gateway's work beside its metrics; nothing by default. */
export interface TelemetryOptions {
  readonly accessLog?: AccessLogOptions;
  readonly traces?: TraceOptions;
  /** Another address for the metrics, of this gateway alone. */
  readonly metrics?: MetricsAddress;
  /** Families of other parts of the process, as whole Prometheus text. */
  readonly moreMetrics?: () => string;
}

export type ScrapedGateway = Omit<GatewayGauges, 'gateway' | 'process' | 'more'>;

/**
 * All that the gateway tells of its work: metrics, spans, access log.
 *
 * Owns the exporter of spans and the metrics' own server, until it is disposed of. What is switched off costs a
 * comparison per call.
 */
export class Telemetry implements AsyncDisposable {
  readonly #options: ResolvedGateway;
  readonly #metrics = new GatewayMetrics();
  readonly #process = new ProcessMetrics();
  readonly #accessLog: AccessLog | undefined;
  readonly #tracer: Tracer | undefined;
  readonly #exporter: SpanExporter | undefined;
  readonly #stop = new AbortController();
  readonly #exporting: Promise<void>;
  #server: MetricsServer | undefined;

  constructor(options: ResolvedGateway) {
    this.#options = options;
    const { ids, log, telemetry } = options;
    const { traces, accessLog } = telemetry;
    if (accessLog !== undefined) this.#accessLog = new AccessLog(accessLog, log);
    if (traces !== undefined) {
      this.#tracer = new Tracer(ids, traces.sampler);
      this.#exporter = new SpanExporter({ ...options, traces });
    }
    this.#exporting = this.#exporter?.run(this.#stop.signal) ?? Promise.resolve();
  }

  /** Serves the metrics at an address of their own, if there is one; rejects when it cannot. */
  async listen(gateway: ScrapedGateway): Promise<void> {
    const { metrics } = this.#options.telemetry;
    if (metrics === undefined) return;
    this.#server = new MetricsServer(() => this.metrics(gateway));
    const { address, port } = await this.#server.listen(metrics);
    this.#options.log.info('Serving metrics', { url: `http://${address}:${port}/metrics` });
  }

  /** The trace that a request belongs to. */
  traceOf(traceparent: string, tracestate: string): TraceContext {
    return this.#tracer === undefined
      ? traceContext(traceparent, this.#options.ids)
      : this.#tracer.start(traceparent, tracestate);
  }

  /** A call has ended. */
  ended(call: CallRecord): void {
    // A function that is gone takes its series with it.
    if (!call.request.route.removed) this.#metrics.ended(call);
    if (this.#exporter !== undefined) this.#spans(call, this.#exporter);
    if (this.#accessLog !== undefined) this.#access(call, this.#accessLog);
  }

  quarantined(route: Route): void {
    this.#metrics.quarantined(route);
  }

  /** A request that could not be read was answered with this status. */
  malformed(status: number): void {
    this.#metrics.refused(status, refusal(status, '').kind);
  }

  /** A request that reached no function was answered with a problem. */
  refused(exchange: Exchange, status: number, kind: string): void {
    this.#metrics.refused(status, kind);
    this.#answered(exchange, status, kind);
  }

  /** An asynchronous call was accepted. */
  accepted(exchange: Exchange, status: number): void {
    this.#metrics.accepted();
    this.#answered(exchange, status, 'accepted');
  }

  /** The metrics as text, in parts between which other work may be done. */
  metrics(gateway: ScrapedGateway): Iterable<string> {
    return this.#metrics.write({
      ...gateway,
      gateway: this.#options.gateway,
      process: this.#process,
      more: () => this.#own() + (this.#options.telemetry.moreMetrics?.() ?? ''),
    });
  }

  /** Writes and sends what is left; after the last call has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process[Symbol.dispose]();
    this.#stop.abort();
    await Promise.all([
      this.#exporting,
      this.#accessLog?.[Symbol.asyncDispose](),
      this.#server?.[Symbol.asyncDispose](),
    ]);
  }

  /** The gateway has answered by itself. */
  #answered(exchange: Exchange, status: number, ending: string): void {
    this.#accessLog?.add({
      exchange,
      atMs: this.#options.clock.now(),
      status,
      durationMs: 0,
      bytes: 0,
      call: undefined,
      ending,
    });
  }

  /** What the telling itself has cost: lines and spans that were lost. */
  #own(): string {
    const out = new Exposition();
    if (this.#accessLog !== undefined) {
      const { written, dropped } = this.#accessLog;
      const name = 'nought_gateway_access_log_lines';
      out
        .single(`${name}_total`, 'counter', 'Lines of the access log', written)
        .single(`${name}_dropped_total`, 'counter', 'Lines that could not be written', dropped);
    }
    if (this.#exporter !== undefined) {
      const { exported, droppedFull, droppedFailed, queued } = this.#exporter;
      const dropped = 'nought_gateway_spans_dropped_total';
      out
        .single('nought_gateway_spans_exported_total', 'counter', 'Spans sent', exported)
        .single('nought_gateway_spans_queued', 'gauge', 'Spans that wait to be sent', queued)
        .family(dropped, 'counter', 'Spans that were not sent, by reason')
        .sample(dropped, labelPairs({ reason: 'queue-full' }), droppedFull)
        .sample(dropped, labelPairs({ reason: 'not-taken' }), droppedFailed);
    }
    return out.take();
  }

  #spans(call: CallRecord, exporter: SpanExporter): void {
    const { spans } = call.request.trace;
    if (spans === undefined) return;
    const { clock, ids } = this.#options;
    const offsetMs = clock.now() - clock.monotonic();
    exporter.add(callSpans(call, spans, { offsetMs, spanId: () => ids.hex(16) }));
  }

  #access(call: CallRecord, accessLog: AccessLog): void {
    const durationMs = call.endedAt - call.startedAt;
    const { exchange } = call.request;
    const { status, ending, bytesOut: bytes } = call;
    const atMs = this.#options.clock.now() - durationMs;
    accessLog.add({ exchange, atMs, status, durationMs, bytes, call, ending });
  }
}
