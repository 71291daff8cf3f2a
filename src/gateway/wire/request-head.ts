import { FieldSpans, tokenBytes } from './field-spans.ts';
import { RequestFields } from './request-fields.ts';
import type { Framing } from './framing.ts';

/** The head of one request, checked; what is to be passed on is in `lines`. */
export interface RequestHead {
  readonly method: string;
  /** Origin-form, or `*`. */
  readonly target: string;
  /** HTTP/1.`minor`. */
  readonly minor: 0 | 1;
  /** Empty only for HTTP/1.0. */
  readonly host: string;
  readonly framing: Framing;
  readonly keepAlive: boolean;
  /** A WebSocket handshake is asked for. */
  readonly websocket: boolean;
  readonly expectContinue: boolean;
  /** End-to-end field lines as they came, without those named below and the hop-by-hop ones. */
  readonly lines: string;
  readonly prefer: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly tracestate: string;
  /** X-Forwarded-* and Forwarded lines of the client, each with CRLF. */
  readonly forwardedLines: string;
  readonly forwardedFor: string;
}

export type RequestHeadResult =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** `end` is the offset of the body. */
  | { readonly kind: 'head'; readonly head: RequestHead; readonly end: number };

export interface HeadLimits {
  /** Longest head with its request line; bytes. */
  readonly headBytes: number;
  readonly headLines: number;
}

const methods = new Set(
  (
    'GET HEAD POST PUT DELETE OPTIONS PATCH QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK ' +
    'SEARCH REPORT MERGE BIND UNBIND REBIND ACL CHECKOUT MKACTIVITY MKCALENDAR NOTIFY PURGE ' +
    'SUBSCRIBE UNSUBSCRIBE LINK UNLINK M-SEARCH SOURCE'
  ).split(' '),
);

const space = 32;
const cr = 13;
const lf = 10;
const methodLimit = 32;
const incomplete: RequestHeadResult = { kind: 'incomplete' };

/**
 * A strict parser of HTTP/1.1 request heads (RFC 9112).
 *
 * Invariants:
 * 1. A head is taken whole or not at all; called again with more bytes it starts from the beginning.
 * 2. Where two readers could differ on where a message ends, or for whom it is, it is refused.
 */
export class RequestHeadParser {
  readonly #limits: HeadLimits;
  readonly #spans: FieldSpans;
  readonly #fields: RequestFields;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#spans = new FieldSpans(limits.headLines);
    this.#fields = new RequestFields(limits.headLines);
  }

  parse(bytes: Buffer): RequestHeadResult {
    const start = bytes[0] === cr && bytes[1] === lf ? 2 : 0;
    const line = scanRequestLine(bytes, start);
    if (line.kind === 'refused') return line;
    if (line.kind === 'incomplete') return this.#short(bytes, 414, 'request line');
    if (line.end > this.#limits.headBytes) return this.#tooLarge(414, 'request line');
    const scan = this.#spans.scan(bytes, line.end);
    switch (scan.kind) {
      case 'incomplete':
        return this.#short(bytes, 431, 'header section');
      case 'too-many':
        return refused(431, `The request has more than ${this.#limits.headLines} header lines`);
      case 'malformed':
        return refused(400, scan.detail);
      case 'fields':
        break;
    }
    if (scan.end > this.#limits.headBytes) return this.#tooLarge(431, 'header section');
    const text = bytes.toString('latin1', 0, scan.end);
    const fault = this.#fields.read(this.#spans, text, line.minor);
    if (fault !== undefined) return refused(fault.status, fault.detail);
    return this.#head(line, scan.end);
  }

  #head(line: RequestLine, end: number): RequestHeadResult {
    const fields = this.#fields;
    const target = originForm(line.method, line.target, fields.host);
    if (target === undefined) {
      return refused(400, 'The request target is neither a path nor a URI of the same host');
    }
    const head: RequestHead = {
      method: line.method,
      target,
      minor: line.minor,
      host: fields.host,
      framing: fields.framing,
      keepAlive: fields.keepAlive(line.minor),
      websocket: fields.websocket(line.method, line.minor),
      expectContinue: fields.expectContinue && line.minor === 1,
      lines: fields.lines,
      prefer: fields.prefer,
      requestId: fields.requestId,
      traceparent: fields.traceparent,
      tracestate: fields.tracestate,
      forwardedLines: fields.forwardedLines,
      forwardedFor: fields.forwardedFor,
    };
    return { kind: 'head', head, end };
  }

  #short(bytes: Buffer, status: number, what: string): RequestHeadResult {
    return bytes.length > this.#limits.headBytes ? this.#tooLarge(status, what) : incomplete;
  }

  #tooLarge(status: number, what: string): RequestHeadResult {
    return refused(status, `The ${what} is longer than ${this.#limits.headBytes} bytes`);
  }
}

interface RequestLine {
  readonly kind: 'line';
  readonly method: string;
  readonly target: string;
  readonly minor: 0 | 1;
  readonly end: number;
}

function scanRequestLine(
  bytes: Buffer,
  start: number,
): RequestLine | Exclude<RequestHeadResult, { kind: 'head' }> {
  const length = bytes.length;
  let at = start;
  while (at < length && tokenBytes[bytes[at] as number] === 1) at += 1;
  if (at - start > methodLimit) return refused(400, 'The method is too long');
  if (at >= length) return { kind: 'incomplete' };
  if (bytes[at] !== space || at === start) return refused(400, 'The request line is malformed');
  const method = bytes.toString('latin1', start, at);
  if (method === 'CONNECT' || method === 'TRACE') {
    return refused(405, `The gateway does not serve the method "${method}"`);
  }
  if (!methods.has(method)) return refused(501, `The gateway does not know the method "${method}"`);
  at += 1;
  const targetStart = at;
  while (at < length && isTargetByte(bytes[at] as number)) at += 1;
  if (at >= length) return { kind: 'incomplete' };
  if (bytes[at] !== space || at === targetStart) {
    return refused(400, 'The request target is empty, or holds a character that must be escaped');
  }
  const target = bytes.toString('latin1', targetStart, at);
  const version = bytes.toString('latin1', at + 1, at + 11);
  if (version === 'HTTP/1.1\r\n') return { kind: 'line', method, target, minor: 1, end: at + 11 };
  if (version === 'HTTP/1.0\r\n') return { kind: 'line', method, target, minor: 0, end: at + 11 };
  if (version.length < 10 && /^(?:HTTP\/1\.[01]\r?)$/.test(version)) return { kind: 'incomplete' };
  if (version.length < 10 && 'HTTP/1.'.startsWith(version)) return { kind: 'incomplete' };
  return /^HTTP\/[0-9]\.[0-9]\r\n$/.test(version)
    ? refused(505, 'The gateway speaks HTTP/1.1')
    : refused(400, 'The request line is malformed');
}

/** Visible ASCII but "#", which no request target may hold (RFC 9112 section 3.2). */
function isTargetByte(byte: number): boolean {
  return byte > space && byte < 127 && byte !== 35;
}

/** The target as a path with query; the authority of an absolute URI must be the Host. */
function originForm(method: string, target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target;
  if (target === '*') return method === 'OPTIONS' ? target : undefined;
  const uri = /^https?:\/\/([^/?]+)(.*)$/i.exec(target);
  if (uri === null || uri[1]?.toLowerCase() !== host.toLowerCase()) return undefined;
  const rest = uri[2] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function refused(
  status: number,
  detail: string,
): { readonly kind: 'refused'; readonly status: number; readonly detail: string } {
  return { kind: 'refused', status, detail };
}
