import { BackOff, type BackOffOptions } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { textAttribute } from './call-spans.ts';
import { jsonText } from './json-text.ts';
import { JsonPost, type PostAnswer } from './post-json.ts';
import type { TraceOptions } from './trace-options.ts';

export interface SpanExporterOptions {
  readonly traces: TraceOptions;
  /** This gateway's name. */
  readonly gateway: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly backOff?: BackOffOptions;
}

const retryBackOff: BackOffOptions = { initialMs: 1000, maxMs: 30_000, factor: 2, jitter: 0.5 };
/** Attempts for one batch; the queue fills meanwhile. */
const maxAttempts = 6;
/** The longest that a collector can ask us to wait; milliseconds. */
const maxRetryAfterMs = 60_000;
/** What the last batches may take when the gateway stops; milliseconds. */
const flushMs = 3000;

type Sent = 'taken' | 'refused' | { readonly afterMs: number | undefined };

/**
 * Sends spans to a collector: OTLP over HTTP, in JSON.
 *
 * Owns the queue. Invariants:
 * 1. No call waits for it: a span is queued or dropped at once, and each that is dropped is counted.
 * 2. One batch is under way at a time; a batch that the collector cannot take now (429, 502, 503,
 *    504, no connection) is sent again with back-off, or when the collector says; any other refusal
 *    is final (OTLP specification, "Failures").
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #head: string;
  readonly #post: JsonPost;
  /** Spans in JSON. */
  #queue: string[] = [];
  #wake: (() => void) | undefined;
  #full: (() => void) | undefined;
  #failing = false;
  exported = 0;
  /** The queue was full; the collector did not take them. */
  droppedFull = 0;
  droppedFailed = 0;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#head = requestHead(options);
    this.#post = new JsonPost(options.traces);
  }

  /** Spans that wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Queues the spans of one call, as made by `callSpans`, or drops them. */
  add(spans: readonly string[]): void {
    const { queueSpans, batchSpans } = this.#options.traces;
    if (this.#queue.length + spans.length > queueSpans) {
      this.droppedFull += spans.length;
      return;
    }
    this.#queue.push(...spans);
    this.#wake?.();
    if (this.#queue.length >= batchSpans) this.#full?.();
  }

  /** Sends what comes until the signal aborts, and then what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, traces } = this.#options;
    using post = this.#post;
    void post;
    while (!signal.aborted) {
      await this.#some(signal);
      const early = new AbortController();
      this.#full = () => early.abort();
      if (this.#queue.length < traces.batchSpans) {
        const either = AbortSignal.any([signal, early.signal]);
        await clock.sleep(traces.delayMs, either).catch(() => undefined);
      }
      this.#full = undefined;
      while (this.#queue.length > 0 && !signal.aborted) await this.#batch(signal, maxAttempts);
    }
    const end = AbortSignal.timeout(flushMs);
    while (this.#queue.length > 0) await this.#batch(end, 1);
  }

  /** Resolves when there is a span, or the signal aborts. */
  async #some(signal: AbortSignal): Promise<void> {
    if (this.#queue.length > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async #batch(signal: AbortSignal, attempts: number): Promise<void> {
    const { clock, random, traces, backOff: options = retryBackOff } = this.#options;
    const spans = this.#queue.splice(0, traces.batchSpans);
    const json = `${this.#head}[${spans.join(',')}]}]}]}`;
    const backOff = new BackOff(options, random);
    for (let attempt = 1; ; attempt += 1) {
      const sent = await this.#send(json, spans.length, signal);
      if (sent === 'taken') return;
      if (sent === 'refused' || attempt >= attempts || signal.aborted) break;
      const delayMs = Math.min(maxRetryAfterMs, sent.afterMs ?? backOff.next());
      try {
        await clock.sleep(delayMs, signal);
      } catch {
        // The gateway stops: this batch gets its last attempt with the others.
        this.#queue.unshift(...spans);
        return;
      }
    }
    this.droppedFailed += spans.length;
  }

  async #send(json: string, spans: number, signal: AbortSignal): Promise<Sent> {
    let answer: PostAnswer;
    try {
      answer = await this.#post.send(json, signal);
    } catch (error) {
      this.#failed(String(error));
      return { afterMs: undefined };
    }
    const { status, retryAfterMs, body } = answer;
    if (status >= 200 && status < 300) {
      const rejected = Math.min(spans, rejectedSpans(body));
      this.exported += spans - rejected;
      this.droppedFailed += rejected;
      this.#failing = false;
      return 'taken';
    }
    this.#failed(`it answered ${status}`);
    const again = status === 429 || status === 502 || status === 503 || status === 504;
    return again ? { afterMs: retryAfterMs } : 'refused';
  }

  #failed(why: string): void {
    const { log, traces } = this.#options;
    // Once for each time that it begins to fail; the metrics count what is lost.
    if (!this.#failing) log.warn('Cannot export spans to the collector', { url: traces.url, why });
    this.#failing = true;
  }
}

/** ExportTraceServiceRequest in JSON up to its spans. */
function requestHead({ traces, gateway }: SpanExporterOptions): string {
  const attributes = [
    textAttribute('service.name', traces.serviceName),
    textAttribute('service.instance.id', gateway),
    textAttribute('telemetry.sdk.name', 'nought'),
    textAttribute('telemetry.sdk.language', 'nodejs'),
    ...Object.entries(traces.resource).map(([key, value]) => {
      return `{"key":${jsonText(key)},"value":{"stringValue":${jsonText(value)}}}`;
    }),
  ];
  const resource = `{"attributes":[${attributes.join(',')}]}`;
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":{"name":"nought.gateway"},"spans":`;
}

/** `partialSuccess.rejectedSpans` of the answer: an int64, so a string in JSON. */
function rejectedSpans(body: string): number {
  try {
    const answer = JSON.parse(body) as {
      readonly partialSuccess?: { readonly rejectedSpans?: string | number };
    } | null;
    return Number(answer?.partialSuccess?.rejectedSpans ?? 0) || 0;
  } catch {
    return 0;
  }
}
