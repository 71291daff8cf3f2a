import type { Ids } from '../lib/ids.ts';

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeroTrace = '0'.repeat(32);
const zeroSpan = '0'.repeat(16);

/** The trace of one request (W3C Trace Context): where it came from and the span that goes on. */
export interface TraceContext {
  /** The `traceparent` to pass on. */
  readonly traceparent: string;
  /** The client's trace goes on, so its `tracestate` does too. */
  readonly continued: boolean;
}

/** Goes on with the client's trace under a new span id, or starts one when there is no valid one. */
export function traceContext(received: string, ids: Ids): TraceContext {
  const [, version, trace, parent, flags, more] = traceparentPattern.exec(received) ?? [];
  const valid =
    trace !== undefined &&
    trace !== zeroTrace &&
    parent !== zeroSpan &&
    version !== 'ff' &&
    (version !== '00' || more === undefined);
  const span = ids.hex(16);
  // Version 00 is what we know how to write; of later ones we keep what it defines (section 4.3).
  return valid
    ? { traceparent: `00-${trace}-${span}-${flags}`, continued: true }
    : { traceparent: `00-${ids.hex(32)}-${span}-01`, continued: false };
}

const requestIdPattern = /^[A-Za-z0-9._~:/+=@-]{1,128}$/;

/** The client's request id when it is sane, else a new one. */
export function requestId(received: string, ids: Ids): string {
  return requestIdPattern.test(received) ? received : ids.uid();
}
