import type { RequestHeadParser, RequestHeadResult } from '../wire/request-head.ts';

/** The head of a stream as it came. */
export interface StreamFields {
  /** Names and values in turn, pseudo-header fields first. */
  readonly raw: readonly string[];
  /** Nothing follows the head. */
  readonly ended: boolean;
}

const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Bytes that a field may hold; a character beyond them would be another byte once it is written. */
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const wordPattern = /^[\x21-\x7e]+$/;

/** Fields that HTTP/2 has no use for, and must not have (RFC 9113 section 8.2.2). */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads the head of a stream by the rules of the HTTP/1.1 parser: it is written as the request that it
 * would be there, and parsed. So the same things are refused, and a pod is told nothing that it would
 * not be told by an HTTP/1.1 client.
 *
 * `webSocketKey` makes the key that a WebSocket handshake of HTTP/1.1 needs and RFC 8441 has not.
 */
export function readStreamHead(
  fields: StreamFields,
  parser: RequestHeadParser,
  webSocketKey: () => string,
): RequestHeadResult {
  const gathered = gather(fields.raw);
  if (typeof gathered === 'string') return refused(400, gathered);
  const { pseudo, lines, sized } = gathered;
  const method = pseudo.get(':method') ?? '';
  const protocol = pseudo.get(':protocol');
  const host = hostLine(pseudo.get(':authority'), gathered.host);
  if (host === undefined)
    return refused(400, 'The Host header is not the authority of the request');
  if (method === 'CONNECT' && protocol === undefined) {
    return parser.parse(Buffer.from(`CONNECT / HTTP/1.1\r\n${host}\r\n`, 'latin1'));
  }
  if (pseudo.get(':scheme') !== 'https') {
    return refused(400, 'The scheme of a request over TLS is "https"');
  }
  const path = pseudo.get(':path') ?? '';
  if (protocol === undefined) {
    const framing = sized || fields.ended ? '' : 'transfer-encoding: chunked\r\n';
    return parse(parser, `${method} ${path} HTTP/1.1\r\n${host}${framing}${lines}\r\n`);
  }
  if (protocol !== 'websocket' || method !== 'CONNECT' || sized || fields.ended) {
    return refused(501, 'The gateway serves no other extended CONNECT than that of a WebSocket');
  }
  const upgrade = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${webSocketKey()}\r\n`;
  return parse(parser, `GET ${path} HTTP/1.1\r\n${host}${upgrade}${lines}\r\n`);
}

interface Gathered {
  readonly pseudo: ReadonlyMap<string, string>;
  /** Field lines but Host, each with CRLF. */
  readonly lines: string;
  readonly host: string | undefined;
  /** There is a Content-Length. */
  readonly sized: boolean;
}

/** Checks each field, so that nothing in it can end a line; returns what is wrong with one. */
function gather(raw: readonly string[]): Gathered | string {
  const pseudo = new Map<string, string>();
  let lines = '';
  let cookie = '';
  let host: string | undefined;
  let sized = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    if (name.startsWith(':')) {
      if (pseudo.has(name)) return `The request has "${name}" more than once`;
      if (!wordPattern.test(value)) return `"${name}" is empty or holds a forbidden character`;
      pseudo.set(name, value);
    } else if (!namePattern.test(name)) {
      return 'A header name holds a forbidden character';
    } else if (!valuePattern.test(value)) {
      return 'A header value holds a control character or a bare line end';
    } else if (connectionFields.has(name)) {
      return `HTTP/2 has no header "${name}"`;
    } else if (name === 'host') {
      if (host !== undefined) return 'The request has more than one Host header';
      host = value;
    } else if (name === 'cookie') {
      // HTTP/2 splits it so as to compress it; HTTP/1.1 has one (RFC 9113 section 8.2.3).
      cookie += cookie === '' ? value : `; ${value}`;
    } else if (name !== 'sec-websocket-key') {
      sized ||= name === 'content-length';
      lines += `${name}: ${value}\r\n`;
    }
  }
  return { pseudo, lines: cookie === '' ? lines : `${lines}cookie: ${cookie}\r\n`, host, sized };
}

/** The Host line; undefined when the two that a request may have differ. */
function hostLine(authority: string | undefined, host: string | undefined): string | undefined {
  const name = authority ?? host;
  if (name === undefined) return '';
  if (host !== undefined && host.toLowerCase() !== name.toLowerCase()) return undefined;
  return `host: ${name}\r\n`;
}

function parse(parser: RequestHeadParser, text: string): RequestHeadResult {
  const bytes = Buffer.from(text, 'latin1');
  const result = parser.parse(bytes);
  const whole =
    result.kind === 'refused' || (result.kind === 'head' && result.end === bytes.length);
  return whole ? result : refused(400, 'The header section is malformed');
}

function refused(status: number, detail: string): RequestHeadResult {
  return { kind: 'refused', status, detail };
}
