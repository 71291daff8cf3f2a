import type { Ids } from '../lib/ids.ts';

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const traceDigits = 32;
const spanDigits = 16;
const zeroTrace = '0'.repeat(traceDigits);
const zeroSpan = '0'.repeat(spanDigits);

/** The trace of one request (W3C Trace Context): where it came from and the span that goes on. */
export interface TraceContext {
  /** The `traceparent` to pass on. */
  readonly traceparent: string;
  /** The client's trace goes on, so its `tracestate` does too. */
  readonly continued: boolean;
  /** The spans to tell a collector of; undefined where nobody wants them. */
  readonly spans?: CallSpans;
}

/** Ids of the spans of one call. */
export interface CallSpans {
  readonly traceId: string;
  /** The client's span; empty where the trace begins here. */
  readonly parentId: string;
  readonly tracestate: string;
  /** The call as the gateway serves it, and as it asks the pod: the parent of what the pod does. */
  readonly serverId: string;
  readonly podId: string;
  readonly flags: number;
}

/** A valid `traceparent`. */
export interface TraceParent {
  readonly traceId: string;
  readonly parentId: string;
  /** Two hexadecimal digits. */
  readonly flags: string;
}

/** Reads a `traceparent`; undefined for one that is to be ignored (W3C Trace Context, section 4.3). */
export function parseTraceparent(received: string): TraceParent | undefined {
  const [, version, traceId, parentId, flags, more] = traceparentPattern.exec(received) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (traceId === zeroTrace || parentId === zeroSpan || version === 'ff') return undefined;
  // Version 00 is what we know how to write; of later ones we keep what it defines.
  return version === '00' && more !== undefined ? undefined : { traceId, parentId, flags };
}

/** Goes on with the client's trace under a new span id, or starts one when there is no valid one. */
export function traceContext(received: string, ids: Ids): TraceContext {
  const parent = received === '' ? undefined : parseTraceparent(received);
  if (parent === undefined) {
    const digits = ids.hex(traceDigits + spanDigits);
    const traceId = digits.slice(0, traceDigits);
    return {
      traceparent: `00-${traceId}-${digits.slice(traceDigits)}-01`,
      continued: false,
    };
  }
  const traceparent = `00-${parent.traceId}-${ids.hex(spanDigits)}-${parent.flags}`;
  return { traceparent, continued: true };
}

const requestIdPattern = /^[A-Za-z0-9._~:/+=@-]{1,128}$/;

const requestIdDigits = 32;

/** The client's request id when it is sane, else a new one: random hexadecimal digits. */
export function requestId(received: string, ids: Ids): string {
  return received !== '' && requestIdPattern.test(received) ? received : ids.hex(requestIdDigits);
}
