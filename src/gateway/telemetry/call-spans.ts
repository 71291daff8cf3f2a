import type { CallRecord } from '../call-record.ts';
import type { CallSpans } from '../trace-context.ts';
import { clientAddress } from './client-address.ts';
import { coldPhases } from './function-series.ts';

/** A value in OTLP's JSON (opentelemetry-proto, common.proto): 64-bit integers are strings. */
export type AnyValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly boolValue: boolean };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** A span in OTLP's JSON (opentelemetry-proto, trace.proto). */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags: number;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events?: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
  }[];
  /** 2 is an error; left out it is unset. */
  readonly status?: { readonly code: number; readonly message?: string };
}

/** What makes times of the wall out of monotonic ones, and new span ids. */
export interface SpanContext {
  /** Wall time minus monotonic time; milliseconds. */
  readonly offsetMs: number;
  readonly spanId: () => string;
}

const internal = 1;
const server = 2;
const client = 3;
/** Bits of a span's flags: whether its parent is remote is known, and that it is. */
const remoteKnown = 0x100;
const remote = 0x200;
/** Methods that the semantic conventions name; others are told apart by an attribute. */
const knownMethods = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '),
);

/** The spans of a call that is over: the call itself, its wait for a pod, the pod's part. */
export function callSpans(call: CallRecord, spans: CallSpans, context: SpanContext): Span[] {
  const out = [serverSpan(call, spans, context)];
  if (call.heldAt > 0) out.push(waitSpan(call, spans, context));
  if (call.dispatchedAt > 0) out.push(podSpan(call, spans, context));
  return out;
}

function serverSpan(call: CallRecord, spans: CallSpans, context: SpanContext): Span {
  const { exchange, route, requestId } = call.request;
  const { facts } = route;
  const { head } = exchange;
  const at = head.target.indexOf('?');
  const httpRoute = `/${facts.key}`;
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(head.host) ?? [];
  return {
    ...identity(
      spans,
      spans.serverId,
      spans.parentId,
      spans.parentId === '' ? remoteKnown : remoteKnown | remote,
    ),
    name: `${methodName(head.method)} ${httpRoute}`,
    kind: server,
    ...period(call.startedAt, call.endedAt, context),
    attributes: [
      ...methodOf(head.method),
      text('url.scheme', exchange.secure ? 'https' : 'http'),
      // Without the query: it may hold what should not leave.
      text('url.path', at < 0 ? head.target : head.target.slice(0, at)),
      text('http.route', httpRoute),
      integer('http.response.status_code', call.status),
      ...(host === '' ? [] : [text('server.address', host)]),
      ...(port === undefined ? [] : [integer('server.port', Number(port))]),
      text('client.address', clientAddress(exchange.client)),
      text('network.protocol.version', exchange.version),
      integer('http.request.body.size', call.bytesIn),
      integer('http.response.body.size', call.bytesOut),
      text('faas.name', facts.name),
      text('faas.trigger', 'http'),
      text('faas.invocation_id', requestId),
      { key: 'faas.coldstart', value: { boolValue: call.cold } },
      text('k8s.namespace.name', facts.namespace),
      text('nought.ending', call.ending),
      ...failure(call),
    ],
    ...statusOf(call.status >= 500 || isBroken(call), call),
  };
}

function waitSpan(call: CallRecord, spans: CallSpans, context: SpanContext): Span {
  const end = call.dispatchedAt > 0 ? call.dispatchedAt : call.endedAt;
  const { podMs } = coldPhases(call);
  const events =
    call.cold && call.dispatchedAt > 0
      ? {
          events: [
            { timeUnixNano: nano(call.heldAt + podMs, context), name: 'pod has an address' },
          ],
        }
      : {};
  return {
    ...identity(spans, context.spanId(), spans.serverId, remoteKnown),
    name: call.cold ? 'wait for a pod to start' : 'wait for a pod to have room',
    kind: internal,
    ...period(call.heldAt, end, context),
    attributes: [{ key: 'faas.coldstart', value: { boolValue: call.cold } }],
    ...events,
    ...statusOf(call.dispatchedAt === 0, call),
  };
}

function podSpan(call: CallRecord, spans: CallSpans, context: SpanContext): Span {
  const { head } = call.request.exchange;
  const pod = call.pod?.facts;
  const answered = call.answeredAt > 0;
  return {
    ...identity(spans, spans.podId, spans.serverId, remoteKnown),
    name: methodName(head.method),
    kind: client,
    ...period(call.dispatchedAt, call.endedAt, context),
    attributes: [
      ...methodOf(head.method),
      text('server.address', pod?.host ?? ''),
      integer('server.port', pod?.port ?? 0),
      text('k8s.pod.name', pod?.name ?? ''),
      text('k8s.pod.uid', pod?.uid ?? ''),
      text('faas.invoked_name', call.request.route.facts.name),
      text('nought.revision', pod?.revision ?? ''),
      ...(answered ? [integer('http.response.status_code', call.status)] : []),
      ...(call.attempts > 1 ? [integer('http.request.resend_count', call.attempts - 1)] : []),
      ...failure(call),
    ],
    ...statusOf(call.status >= 400 || isBroken(call), call),
  };
}

function identity(
  spans: CallSpans,
  spanId: string,
  parentId: string,
  remoteBits: number,
): Pick<Span, 'traceId' | 'spanId' | 'parentSpanId' | 'traceState' | 'flags'> {
  return {
    traceId: spans.traceId,
    spanId,
    ...(parentId === '' ? {} : { parentSpanId: parentId }),
    ...(spans.tracestate === '' ? {} : { traceState: spans.tracestate }),
    flags: spans.flags | remoteBits,
  };
}

function period(
  start: number,
  end: number,
  context: SpanContext,
): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  return {
    startTimeUnixNano: nano(start, context),
    endTimeUnixNano: nano(Math.max(start, end), context),
  };
}

/** Nanoseconds since 1970, in whole microseconds: a number holds no more exactly. */
function nano(monotonic: number, { offsetMs }: SpanContext): string {
  return `${Math.round((monotonic + offsetMs) * 1000)}000`;
}

/** The call did not get a whole answer, and its client was there to miss it. */
function isBroken({ ending }: CallRecord): boolean {
  return ending !== 'answered' && ending !== 'client-gone';
}

function failure(call: CallRecord): readonly KeyValue[] {
  if (isBroken(call)) return [text('error.type', call.ending)];
  return call.status >= 500 ? [text('error.type', String(call.status))] : [];
}

function statusOf(failed: boolean, call: CallRecord): Pick<Span, 'status'> {
  if (!failed) return {};
  return { status: isBroken(call) ? { code: 2, message: call.ending } : { code: 2 } };
}

function methodName(method: string): string {
  return knownMethods.has(method) ? method : 'HTTP';
}

function methodOf(method: string): readonly KeyValue[] {
  return knownMethods.has(method)
    ? [text('http.request.method', method)]
    : [text('http.request.method', '_OTHER'), text('http.request.method_original', method)];
}

export function text(key: string, value: string): KeyValue {
  return { key, value: { stringValue: value } };
}

function integer(key: string, value: number): KeyValue {
  return { key, value: { intValue: String(value) } };
}
