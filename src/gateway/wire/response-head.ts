import { FieldSpans } from './field-spans.ts';
import {
  chunkedBody,
  closeBody,
  type Framing,
  noBody,
  parseContentLength,
  parseTokenList,
} from './framing.ts';
import { KnownNames } from './known-names.ts';

/** The head of a pod's answer, checked; what is passed on to the client is in `lines`. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly framing: Framing;
  /** The Content-Length of an answer without a body (HEAD, 304); -1 for none. */
  readonly statedLength: number;
  readonly keepAlive: boolean;
  /** Seconds of `Keep-Alive: timeout=N`; -1 for none. */
  readonly keepAliveSeconds: number;
  /** End-to-end field lines as they came, each with CRLF. */
  readonly lines: string;
  readonly hasRequestId: boolean;
}

export type ResponseHeadResult =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | {
      readonly kind: 'head';
      readonly head: ResponseHead;
      /** The offset of the body. */
      readonly end: number;
      /** What was parsed, each byte a character; of a short message the whole of it. */
      readonly text: string;
    };

const headBytes = 64 * 1024;
const headLines = 256;
/** A message of at most this length is made into text with its body. */
export const shortBytes = 4096;
/** "HTTP/1." SP 3DIGIT: where the minor version, the code and what follows it stand. */
const versionStart = Buffer.from('HTTP/1.', 'latin1');
const minorAt = 7;
const codeStart = 9;
const codeEnd = 12;
const tab = 9;
const lf = 10;
const cr = 13;
const space = 32;
const zero = 48;
const del = 127;
const incomplete: ResponseHeadResult = { kind: 'incomplete' };

/** A strict parser of HTTP/1.1 response heads: what two readers could frame differently is malformed. */
export class ResponseHeadParser {
  readonly #spans = new FieldSpans(headLines);
  readonly #dropped = new Uint8Array(headLines);

  /** Of the bytes, `length` count; `bodiless`: the request was HEAD. */
  parse(bytes: Buffer, length: number, bodiless: boolean): ResponseHeadResult {
    const lineEnd = statusLineEnd(bytes, length);
    if (lineEnd === -1) return length > headBytes ? tooLarge() : incomplete;
    const status = lineEnd < 0 ? 0 : statusCode(bytes);
    if (status < 100) return malformed('its status line is malformed');
    const scan = this.#spans.scan(bytes, lineEnd + 2, length);
    switch (scan.kind) {
      case 'incomplete':
        return length > headBytes ? tooLarge() : incomplete;
      case 'too-many':
        return tooLarge();
      case 'malformed':
        return malformed(`its header section is malformed (${scan.detail})`);
      case 'fields':
        if (this.#spans.end > headBytes) return tooLarge();
        break;
    }
    const { end } = this.#spans;
    const text = bytes.toString('latin1', 0, length <= shortBytes ? length : end);
    const fields = readFields(this.#spans, { bytes, text }, this.#dropped);
    if (typeof fields === 'string') return malformed(fields);
    const minor = bytes[minorAt] === zero ? 0 : 1;
    // Who knows HTTP/1.0 only reads on to the end of the connection (RFC 9112 section 6.1).
    if (minor === 0 && fields.chunked) return malformed('HTTP/1.0 has no Transfer-Encoding header');
    const empty = bodiless || status < 200 || status === 204 || status === 304;
    const head: ResponseHead = {
      status,
      reason: text.slice(Math.min(codeEnd + 1, lineEnd), lineEnd),
      framing: empty ? noBody : fields.framing,
      statedLength: empty && status >= 200 && status !== 204 ? fields.length : -1,
      keepAlive: fields.close ? false : minor === 1 || fields.keepAlive,
      keepAliveSeconds: fields.keepAliveSeconds,
      lines: this.#spans.keep(text, this.#dropped),
      hasRequestId: fields.hasRequestId,
    };
    return { kind: 'head', head, end, text };
  }
}

/**
 * The offset of the line end of the status line; -1 when it has not come yet, -2 when the line holds
 * what no reason phrase may (RFC 9112 section 4): a control character, or a bare CR or LF.
 */
function statusLineEnd(bytes: Buffer, length: number): number {
  let at = 0;
  while (at < length) {
    const byte = bytes[at] as number;
    if (byte < space ? byte !== tab : byte === del) break;
    at += 1;
  }
  if (at >= length || (bytes[at] === cr && at + 1 >= length)) return -1;
  return bytes[at] === cr && bytes[at + 1] === lf ? at : -2;
}

/** The status code of a complete status line; 0 when it is not HTTP/1.x SP 3DIGIT with a reason, or none. */
function statusCode(bytes: Buffer): number {
  for (let at = 0; at < versionStart.length; at += 1) {
    if (bytes[at] !== versionStart[at]) return 0;
  }
  const minor = (bytes[minorAt] as number) - zero;
  if ((minor !== 0 && minor !== 1) || bytes[minorAt + 1] !== space) return 0;
  if (bytes[codeEnd] !== space && bytes[codeEnd] !== cr) return 0;
  let code = 0;
  for (let at = codeStart; at < codeEnd; at += 1) {
    const digit = (bytes[at] as number) - zero;
    if (digit < 0 || digit > 9) return 0;
    code = code * 10 + digit;
  }
  return code;
}

interface ResponseFields {
  framing: Framing;
  length: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  keepAliveSeconds: number;
  hasRequestId: boolean;
  nominated: readonly string[];
}

/** The fields that the gateway acts on or drops; all others are passed on unread. */
const known = new KnownNames(
  [
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'upgrade',
    'x-request-id',
  ],
  { anyCase: true },
);
const none: readonly string[] = [];

function readFields(
  spans: FieldSpans,
  { bytes, text }: { readonly bytes: Buffer; readonly text: string },
  dropped: Uint8Array,
): ResponseFields | string {
  const fields: ResponseFields = {
    framing: closeBody,
    length: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    keepAliveSeconds: -1,
    hasRequestId: false,
    nominated: none,
  };
  for (let index = 0; index < spans.count; index += 1) {
    const name = known.find(bytes, spans.lineStart(index), spans.nameEnd(index));
    if (name === '') {
      dropped[index] = 0;
      continue;
    }
    const value = text.slice(spans.valueStart(index), spans.valueEnd(index));
    const taken = take(fields, name, value);
    if (typeof taken === 'string') return taken;
    dropped[index] = taken ? 1 : 0;
  }
  if (fields.chunked && fields.length >= 0) {
    return 'it has both Content-Length and Transfer-Encoding';
  }
  if (fields.chunked) fields.framing = chunkedBody;
  else if (fields.length === 0) fields.framing = noBody;
  else if (fields.length > 0) fields.framing = { kind: 'length', length: fields.length };
  if (fields.nominated.length > 0) {
    for (let index = 0; index < spans.count; index += 1) {
      const name = text.slice(spans.lineStart(index), spans.nameEnd(index)).toLowerCase();
      if (fields.nominated.includes(name)) dropped[index] = 1;
    }
  }
  return fields;
}

/** Whether the line is dropped, or what is wrong with it. */
function take(fields: ResponseFields, name: string, value: string): boolean | string {
  switch (name) {
    case 'content-length': {
      const length = parseContentLength(value);
      if (length === undefined) return 'its Content-Length header is malformed';
      if (fields.length >= 0) return 'it has more than one Content-Length header';
      fields.length = length;
      return true;
    }
    case 'transfer-encoding':
      if (fields.chunked || value.toLowerCase() !== 'chunked') {
        return 'its transfer coding is not chunked';
      }
      fields.chunked = true;
      return true;
    case 'connection': {
      const options = parseTokenList(value);
      if (options === undefined) return 'its Connection header is malformed';
      for (const option of options) {
        if (option === 'close') fields.close = true;
        else if (option === 'keep-alive') fields.keepAlive = true;
        else if (option !== 'upgrade') fields.nominated = [...fields.nominated, option];
      }
      return true;
    }
    case 'keep-alive': {
      const seconds = /(?:^|[,;\s])timeout=([0-9]{1,6})(?:$|[,;\s])/i.exec(value)?.[1];
      if (seconds !== undefined) fields.keepAliveSeconds = Number(seconds);
      return true;
    }
    case 'proxy-connection':
    case 'te':
    case 'trailer':
    case 'upgrade':
      return true;
    case 'x-request-id':
      fields.hasRequestId = true;
      return false;
    default:
      return false;
  }
}

function tooLarge(): ResponseHeadResult {
  return malformed('its head is too large');
}

function malformed(detail: string): ResponseHeadResult {
  return { kind: 'malformed', detail };
}
