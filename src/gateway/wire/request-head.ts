import { FieldSpans, tokenBytes } from './field-spans.ts';
import { type Framing, noBody } from './framing.ts';
import { KnownNames } from './known-names.ts';
import { RequestFields } from './request-fields.ts';

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

/** Stands for a head that could not be read. */
export const unknownHead: RequestHead = {
  method: 'GET',
  target: '/',
  minor: 1,
  host: '',
  framing: noBody,
  keepAlive: false,
  websocket: false,
  expectContinue: false,
  lines: '',
  prefer: '',
  requestId: '',
  traceparent: '',
  tracestate: '',
  forwardedLines: '',
  forwardedFor: '',
};

export type RequestHeadResult =
  | { readonly kind: 'incomplete' }
  | Refused
  /** `end` is the offset of the body. */
  | { readonly kind: 'head'; readonly head: RequestHead; readonly end: number };

export interface HeadLimits {
  /** Longest head with its request line; bytes. */
  readonly headBytes: number;
  readonly headLines: number;
}

const methods = new KnownNames(
  (
    'GET HEAD POST PUT DELETE OPTIONS PATCH QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK ' +
    'SEARCH REPORT MERGE BIND UNBIND REBIND ACL CHECKOUT MKACTIVITY MKCALENDAR NOTIFY PURGE ' +
    'SUBSCRIBE UNSUBSCRIBE LINK UNLINK M-SEARCH SOURCE'
  ).split(' '),
  { anyCase: false },
);

const space = 32;
const cr = 13;
const lf = 10;
const methodLimit = 32;
/** "HTTP/1." and the length of what follows the target: version and line end. */
const versionStart = Buffer.from('HTTP/1.', 'latin1');
const versionBytes = 10;
const slash = 47;
const digitZero = 48;
const digitOne = 49;
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
    // One empty line may stand before a request (RFC 9112 section 2.2); half of one says nothing yet.
    if (bytes[0] === cr && bytes.length === 1) return incomplete;
    const start = bytes[0] === cr && bytes[1] === lf ? 2 : 0;
    const line = scanRequestLine(bytes, start);
    if (line.kind === 'refused') return line;
    if (line.kind === 'incomplete') return this.#short(bytes, 414, 'request line');
    if (line.end > this.#limits.headBytes) return this.#tooLarge(414, 'request line');
    const scan = this.#spans.scan(bytes, line.end, bytes.length);
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
    const { end } = this.#spans;
    if (end > this.#limits.headBytes) return this.#tooLarge(431, 'header section');
    const text = bytes.toString('latin1', 0, end);
    const fault = this.#fields.read(this.#spans, bytes, text, line.minor);
    if (fault !== undefined) return refused(fault.status, fault.detail);
    return this.#head(line, text, end);
  }

  #head(line: RequestLine, text: string, end: number): RequestHeadResult {
    const fields = this.#fields;
    const stated = text.slice(line.targetStart, line.targetEnd);
    // Nearly all are in that form already.
    const isOrigin = stated.charCodeAt(0) === slash;
    const target = isOrigin ? stated : originForm(line.method, stated, fields.host);
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
  readonly targetStart: number;
  readonly targetEnd: number;
  readonly minor: 0 | 1;
  readonly end: number;
}

function scanRequestLine(
  bytes: Buffer,
  start: number,
): RequestLine | Refused | { readonly kind: 'incomplete' } {
  const length = bytes.length;
  let at = start;
  while (at < length && tokenBytes[bytes[at] as number] === 1) at += 1;
  if (at - start > methodLimit) return refused(400, 'The method is too long');
  if (at >= length) return { kind: 'incomplete' };
  if (bytes[at] !== space || at === start) return refused(400, 'The request line is malformed');
  const method = methods.find(bytes, start, at);
  if (method === '') return unknownMethod(bytes.toString('latin1', start, at));
  at += 1;
  const targetStart = at;
  while (at < length && targetBytes[bytes[at] as number] === 1) at += 1;
  if (at >= length) return { kind: 'incomplete' };
  if (bytes[at] !== space || at === targetStart) {
    return refused(400, 'The request target is empty, or holds a character that must be escaped');
  }
  const minor = minorVersion(bytes, at + 1);
  if (minor === undefined) return otherVersion(bytes.toString('latin1', at + 1, at + 11));
  return { kind: 'line', method, targetStart, targetEnd: at, minor, end: at + 1 + versionBytes };
}

function unknownMethod(method: string): Refused {
  return method === 'CONNECT' || method === 'TRACE'
    ? refused(405, `The gateway does not serve the method "${method}"`)
    : refused(501, `The gateway does not know the method "${method}"`);
}

/** The minor version of "HTTP/1.1" or "HTTP/1.0" with its line end; undefined for anything else. */
function minorVersion(bytes: Buffer, start: number): 0 | 1 | undefined {
  const digitAt = start + versionStart.length;
  for (let index = 0; index < versionStart.length; index += 1) {
    if (bytes[start + index] !== versionStart[index]) return undefined;
  }
  if (bytes[digitAt + 1] !== cr || bytes[digitAt + 2] !== lf) return undefined;
  if (bytes[digitAt] === digitOne) return 1;
  return bytes[digitAt] === digitZero ? 0 : undefined;
}

/** What to do about a version that is incomplete, or none of ours. */
function otherVersion(version: string): Refused | { readonly kind: 'incomplete' } {
  if (version.length < versionBytes) {
    if (/^HTTP\/1\.[01]\r?$/.test(version)) return { kind: 'incomplete' };
    if ('HTTP/1.'.startsWith(version)) return { kind: 'incomplete' };
  }
  return /^HTTP\/[0-9]\.[0-9]\r\n$/.test(version)
    ? refused(505, 'The gateway speaks HTTP/1.1')
    : refused(400, 'The request line is malformed');
}

/** 1 for visible ASCII but "#", which no request target may hold (RFC 9112 section 3.2). */
const targetBytes: Uint8Array = new Uint8Array(256).fill(1, space + 1, 127);
targetBytes[35] = 0;

/** A target that is no path as one, with its query; the authority of an absolute URI must be the Host. */
function originForm(method: string, target: string, host: string): string | undefined {
  if (target === '*') return method === 'OPTIONS' ? target : undefined;
  const uri = /^https?:\/\/([^/?]+)(.*)$/i.exec(target);
  if (uri === null || uri[1]?.toLowerCase() !== host.toLowerCase()) return undefined;
  const rest = uri[2] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly detail: string;
}

function refused(status: number, detail: string): Refused {
  return { kind: 'refused', status, detail };
}
