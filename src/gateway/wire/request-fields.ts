import type { FieldSpans } from './field-spans.ts';
import {
  chunkedBody,
  type Framing,
  noBody,
  parseContentLength,
  parseTokenList,
} from './framing.ts';
import { KnownNames } from './known-names.ts';

interface Fault {
  readonly status: number;
  readonly detail: string;
}

const hostPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]+)(?::[0-9]{0,5})?$/;

/** The fields that the gateway acts on or drops; all others are passed on unread. */
const known = new KnownNames(
  [
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authorization',
    'te',
    'trailer',
    'http2-settings',
    'expect',
    'prefer',
    'x-request-id',
    'traceparent',
    'tracestate',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-port',
    'x-forwarded-proto',
    'forwarded',
  ],
  { anyCase: true },
);

const none: readonly string[] = [];

/** Fields that decide where a message ends or for whom it is: no Connection option may name them. */
const protectedFields = new Set(['content-length', 'transfer-encoding', 'host']);

/**
 * Reads the fields of a request that the gateway acts on, and which lines are passed on.
 *
 * One object serves head after head of a connection; its members are those of the last `read`.
 */
export class RequestFields {
  readonly #dropped: Uint8Array;
  #connection: readonly string[] = none;
  #upgrade = '';
  #lengths = 0;
  #codings = 0;
  #hosts = 0;
  #minor: 0 | 1 = 1;
  /** The value of Host that was last found well-formed: most requests of a connection have the same. */
  #goodHost = '';
  host = '';
  framing: Framing = noBody;
  expectContinue = false;
  lines = '';
  prefer = '';
  requestId = '';
  traceparent = '';
  tracestate = '';
  forwardedLines = '';
  forwardedFor = '';

  constructor(max: number) {
    this.#dropped = new Uint8Array(max);
  }

  /** Takes in one head, given as bytes and as text; returns what is wrong with it. */
  read(spans: FieldSpans, bytes: Buffer, text: string, minor: 0 | 1): Fault | undefined {
    this.#reset(minor);
    const dropped = this.#dropped;
    for (let index = 0; index < spans.count; index += 1) {
      const name = known.find(bytes, spans.lineStart(index), spans.nameEnd(index));
      if (name === '') {
        dropped[index] = 0;
        continue;
      }
      const taken = this.#take(name, text.slice(spans.valueStart(index), spans.valueEnd(index)));
      if (typeof taken !== 'boolean') return taken;
      dropped[index] = taken ? 1 : 0;
    }
    if (this.#hosts === 0 && minor === 1) return fault(400, 'The request has no Host header');
    if (this.#connection !== none) {
      const refusal = this.#dropNominated(spans, text);
      if (refusal !== undefined) return refusal;
    }
    this.lines = spans.keep(text, dropped);
    return undefined;
  }

  keepAlive(minor: 0 | 1): boolean {
    if (this.#connection.includes('close')) return false;
    return minor === 1 || this.#connection.includes('keep-alive');
  }

  websocket(method: string, minor: 0 | 1): boolean {
    return (
      method === 'GET' &&
      minor === 1 &&
      this.#upgrade.toLowerCase() === 'websocket' &&
      this.#connection.includes('upgrade') &&
      this.framing.kind === 'none'
    );
  }

  #reset(minor: 0 | 1): void {
    this.#minor = minor;
    this.#connection = none;
    this.#upgrade = '';
    this.#lengths = 0;
    this.#codings = 0;
    this.#hosts = 0;
    this.host = '';
    this.framing = noBody;
    this.expectContinue = false;
    this.prefer = '';
    this.requestId = '';
    this.traceparent = '';
    this.tracestate = '';
    this.forwardedLines = '';
    this.forwardedFor = '';
  }

  /** Whether the line is dropped (true) or passed on (false), or what is wrong with it. */
  #take(name: string, value: string): boolean | Fault {
    switch (name) {
      case 'host':
        return this.#takeHost(value);
      case 'content-length':
        return this.#takeLength(value);
      case 'transfer-encoding':
        return this.#takeCoding(value);
      case 'connection':
        return this.#takeConnection(value);
      case 'upgrade':
        this.#upgrade = value;
        return true;
      case 'keep-alive':
      case 'proxy-connection':
      case 'proxy-authenticate':
      case 'proxy-authorization':
      case 'te':
      case 'trailer':
      case 'http2-settings':
        return true;
      case 'expect':
        if (value.toLowerCase() !== '100-continue') {
          return fault(417, 'The gateway serves no other expectation than 100-continue');
        }
        this.expectContinue = true;
        return true;
      case 'prefer':
        this.prefer += this.prefer === '' ? value : `, ${value}`;
        return false;
      case 'x-request-id':
        this.requestId = value;
        return true;
      case 'traceparent':
        // Twice is invalid (W3C Trace Context section 3.3.1): the trace is started anew.
        this.traceparent = this.traceparent === '' ? value : 'twice';
        return true;
      case 'tracestate':
        this.tracestate += this.tracestate === '' ? value : `,${value}`;
        return true;
      case 'x-forwarded-for':
        this.forwardedFor += this.forwardedFor === '' ? value : `, ${value}`;
        return true;
      case 'x-forwarded-host':
      case 'x-forwarded-port':
      case 'x-forwarded-proto':
      case 'forwarded':
        this.forwardedLines += `${name}: ${value}\r\n`;
        return true;
      default:
        return false;
    }
  }

  #takeHost(value: string): true | Fault {
    this.#hosts += 1;
    if (this.#hosts > 1) return fault(400, 'The request has more than one Host header');
    if (value !== this.#goodHost) {
      if (!hostPattern.test(value)) return fault(400, 'The Host header is malformed');
      this.#goodHost = value;
    }
    // Always the same text: whoever compares it with the one before need not look into it.
    this.host = this.#goodHost;
    return true;
  }

  #takeLength(value: string): true | Fault {
    this.#lengths += 1;
    const length = parseContentLength(value);
    if (length === undefined) return fault(400, 'The Content-Length header is malformed');
    if (this.#lengths > 1) return fault(400, 'The request has more than one Content-Length header');
    if (this.#codings > 0) return bothFramings();
    this.framing = length === 0 ? noBody : { kind: 'length', length };
    return true;
  }

  #takeCoding(value: string): true | Fault {
    this.#codings += 1;
    if (this.#lengths > 0) return bothFramings();
    if (this.#minor === 0) return fault(400, 'HTTP/1.0 has no Transfer-Encoding header');
    if (this.#codings > 1 || value.toLowerCase() !== 'chunked') {
      return fault(501, 'The gateway knows no other transfer coding than chunked');
    }
    this.framing = chunkedBody;
    return true;
  }

  #takeConnection(value: string): true | Fault {
    const options = parseTokenList(value);
    if (options === undefined) return fault(400, 'The Connection header is malformed');
    this.#connection = this.#connection === none ? options : [...this.#connection, ...options];
    return true;
  }

  /** Drops the fields that Connection names (RFC 9110 section 7.6.1). */
  #dropNominated(spans: FieldSpans, text: string): Fault | undefined {
    const nominated = this.#connection.filter((option) => !hopOptions.has(option));
    if (nominated.length === 0) return undefined;
    for (const name of nominated) {
      if (protectedFields.has(name)) {
        return fault(400, `The Connection header names "${name}", which is not hop-by-hop`);
      }
    }
    for (let index = 0; index < spans.count; index += 1) {
      const name = text.slice(spans.lineStart(index), spans.nameEnd(index)).toLowerCase();
      if (nominated.includes(name)) this.#dropped[index] = 1;
    }
    return undefined;
  }
}

/** Connection options that are no field names, or fields that are dropped anyway. */
const hopOptions = new Set(['close', 'keep-alive', 'upgrade', 'http2-settings']);

function bothFramings(): Fault {
  return fault(400, 'The request has both Content-Length and Transfer-Encoding');
}

function fault(status: number, detail: string): Fault {
  return { status, detail };
}
