import type { CallRecord } from '../call-record.ts';
import type { CallSpans } from '../trace-context.ts';
import { clientAddress } from './client-address.ts';
import { coldPhases } from './function-series.ts';
import { jsonText } from './json-text.ts';

/** What makes times of the wall out of monotonic ones, and new span ids. */
export interface SpanContext {
  /** Wall time minus monotonic time; milliseconds. */
  readonly offsetMs: number;
  readonly spanId: () => string;
}

/** Kinds of spans. */
const internal = 1;
const server = 2;
const client = 3;
/** Bits of a span's flags: whether its parent is remote is known, and that it is. */
const remoteKnown = 0x100;
const remote = 0x200;
const hostAndPort = /^(.*?)(?::(\d+))?$/;
/** Methods that the semantic conventions name; others are told apart by an attribute. */
const knownMethods = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '),
);

/**
 * The spans of a call that is over, each as a Span of OTLP in JSON (opentelemetry-proto, trace.proto):
 * the call itself, its wait for a pod, the pod's part.
 *
 * Written piece by piece, as objects made into JSON cost three times as much. Ids are hexadecimal,
 * 64-bit integers are strings, enums are numbers (OTLP specification, "JSON Protobuf Encoding").
 */
export function callSpans(call: CallRecord, spans: CallSpans, context: SpanContext): string[] {
  const out = [serverSpan(call, spans, context)];
  if (call.heldAt > 0) out.push(waitSpan(call, spans, context));
  if (call.dispatchedAt > 0) out.push(podSpan(call, spans, context));
  return out;
}

function serverSpan(call: CallRecord, spans: CallSpans, context: SpanContext): string {
  const { exchange, route, requestId } = call.request;
  const { key, name, namespace } = route.facts;
  const { method, target, host } = exchange.head;
  const query = target.indexOf('?');
  const flags = spans.parentId === '' ? remoteKnown : remoteKnown | remote;
  return span({
    head: `${identity(spans, spans.serverId, spans.parentId)}${flagsOf(spans, flags)}`,
    name: `${methodName(method)} /${key}`,
    kind: server,
    times: period(call.startedAt, call.endedAt, context),
    attributes: `${[
      methodOf(method),
      textAttribute('url.scheme', exchange.secure ? 'https' : 'http'),
      // Without the query: it may hold what should not leave.
      textAttribute('url.path', query < 0 ? target : target.slice(0, query)),
      textAttribute('http.route', `/${key}`),
      integer('http.response.status_code', call.status),
      textAttribute('client.address', clientAddress(exchange.client)),
      textAttribute('network.protocol.version', exchange.version),
      integer('http.request.body.size', call.bytesIn),
      integer('http.response.body.size', call.bytesOut),
      textAttribute('faas.name', name),
      textAttribute('faas.trigger', 'http'),
      textAttribute('faas.invocation_id', requestId),
      truth('faas.coldstart', call.cold),
      textAttribute('k8s.namespace.name', namespace),
      textAttribute('nought.ending', call.ending),
    ].join(',')}${serverAddress(host)}${failure(call)}`,
    rest: statusOf(call.status >= 500 || isBroken(call), call),
  });
}

function waitSpan(call: CallRecord, spans: CallSpans, context: SpanContext): string {
  const end = call.dispatchedAt > 0 ? call.dispatchedAt : call.endedAt;
  const knownAt = nano(call.heldAt + coldPhases(call).podMs, context);
  const event = `{"timeUnixNano":"${knownAt}","name":"pod has an address"}`;
  return span({
    head: `${identity(spans, context.spanId(), spans.serverId)}${flagsOf(spans, remoteKnown)}`,
    name: call.cold ? 'wait for a pod to start' : 'wait for a pod to have room',
    kind: internal,
    times: period(call.heldAt, end, context),
    attributes: truth('faas.coldstart', call.cold),
    rest: `${call.cold && call.dispatchedAt > 0 ? `,"events":[${event}]` : ''}${statusOf(
      call.dispatchedAt === 0,
      call,
    )}`,
  });
}

function podSpan(call: CallRecord, spans: CallSpans, context: SpanContext): string {
  const { method } = call.request.exchange.head;
  const pod = call.pod?.facts;
  const attributes = [
    methodOf(method),
    textAttribute('server.address', pod?.host ?? ''),
    integer('server.port', pod?.port ?? 0),
    textAttribute('k8s.pod.name', pod?.name ?? ''),
    textAttribute('k8s.pod.uid', pod?.uid ?? ''),
    textAttribute('faas.invoked_name', call.request.route.facts.name),
    textAttribute('nought.revision', pod?.revision ?? ''),
  ];
  if (call.answeredAt > 0) attributes.push(integer('http.response.status_code', call.status));
  if (call.attempts > 1) attributes.push(integer('http.request.resend_count', call.attempts - 1));
  return span({
    head: `${identity(spans, spans.podId, spans.serverId)}${flagsOf(spans, remoteKnown)}`,
    name: methodName(method),
    kind: client,
    times: period(call.dispatchedAt, call.endedAt, context),
    attributes: `${attributes.join(',')}${failure(call)}`,
    rest: statusOf(call.status >= 400 || isBroken(call), call),
  });
}

/** The parts of a span; all but name and kind are JSON, `rest` begins with a comma or is empty. */
interface SpanParts {
  readonly head: string;
  readonly name: string;
  readonly kind: number;
  readonly times: string;
  readonly attributes: string;
  readonly rest: string;
}

function span({ head, name, kind, times, attributes, rest }: SpanParts): string {
  return `{${head},"name":${jsonText(name)},"kind":${kind},${times},"attributes":[${attributes}]${rest}}`;
}

function identity({ traceId, tracestate }: CallSpans, spanId: string, parentId: string): string {
  const parent = parentId === '' ? '' : `,"parentSpanId":"${parentId}"`;
  const state = tracestate === '' ? '' : `,"traceState":${jsonText(tracestate)}`;
  return `"traceId":"${traceId}","spanId":"${spanId}"${parent}${state}`;
}

function flagsOf({ flags }: CallSpans, remoteBits: number): string {
  return `,"flags":${flags | remoteBits}`;
}

function period(start: number, end: number, context: SpanContext): string {
  const last = nano(Math.max(start, end), context);
  return `"startTimeUnixNano":"${nano(start, context)}","endTimeUnixNano":"${last}"`;
}

/** Nanoseconds since 1970, in whole microseconds: a number holds no more exactly. */
function nano(monotonic: number, { offsetMs }: SpanContext): string {
  return `${Math.round((monotonic + offsetMs) * 1000)}000`;
}

/** The call did not get a whole answer, and its client was there to miss it. */
function isBroken({ ending }: CallRecord): boolean {
  return ending !== 'answered' && ending !== 'client-gone';
}

function failure(call: CallRecord): string {
  if (isBroken(call)) return `,${textAttribute('error.type', call.ending)}`;
  return call.status >= 500 ? `,${textAttribute('error.type', String(call.status))}` : '';
}

/** Left out it is unset, 2 is an error. */
function statusOf(failed: boolean, call: CallRecord): string {
  if (!failed) return '';
  return isBroken(call)
    ? `,"status":{"code":2,"message":${jsonText(call.ending)}}`
    : ',"status":{"code":2}';
}

/** Host and port as the client named them. */
function serverAddress(host: string): string {
  const [, name = '', port] = hostAndPort.exec(host) ?? [];
  if (name === '') return '';
  const address = `,${textAttribute('server.address', name)}`;
  return port === undefined ? address : `${address},${integer('server.port', Number(port))}`;
}

function methodName(method: string): string {
  return knownMethods.has(method) ? method : 'HTTP';
}

function methodOf(method: string): string {
  return knownMethods.has(method)
    ? textAttribute('http.request.method', method)
    : `${textAttribute('http.request.method', '_OTHER')},${textAttribute('http.request.method_original', method)}`;
}

/** A KeyValue in JSON (opentelemetry-proto, common.proto). */
export function textAttribute(key: string, value: string): string {
  return `{"key":"${key}","value":{"stringValue":${jsonText(value)}}}`;
}

function integer(key: string, value: number): string {
  return `{"key":"${key}","value":{"intValue":"${value}"}}`;
}

function truth(key: string, value: boolean): string {
  return `{"key":"${key}","value":{"boolValue":${value}}}`;
}
