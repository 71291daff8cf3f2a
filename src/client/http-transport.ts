import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { splitLines } from './line-split.ts';
import type {
  ApiRequest,
  ApiResponse,
  StreamResponse,
  Transport,
  WatchResponse,
} from './transport.ts';

/** How to reach an API server and who to be there; certificates and keys are PEM texts. */
export interface ClusterAccess {
  /** `https://host:port`, with a path prefix where a proxy needs one. */
  readonly server: string;
  readonly ca?: string;
  /** The name that the server's certificate must have, where it is not the host's. */
  readonly serverName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly token?: string;
  /** Read again each minute, since tokens in pods are rotated; wins over `token`. */
  readonly tokenFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

export interface HttpTransportOptions extends ClusterAccess {
  /** The first segment is what the server takes for the field manager. */
  readonly userAgent?: string;
  /** Connections for requests; watches and streams each have one of their own beside them. */
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  /** How long an answer may stay silent; a watch may, once it has begun. */
  readonly answerTimeoutMs?: number;
  readonly lineLimitBytes?: number;
  readonly answerLimitBytes?: number;
}

const defaults = {
  userAgent: 'nought',
  maxConnections: 256,
  connectTimeoutMs: 10_000,
  answerTimeoutMs: 60_000,
  lineLimitBytes: 32 << 20,
  answerLimitBytes: 256 << 20,
};
/** Probes of TCP keep-alive find a dead peer under a silent watch. */
const keepAliveProbeMs = 15_000;
const tokenFileAgeMs = 60_000;

/**
 * A transport over HTTP/1.1 with kept connections.
 *
 * Owns its connections until it is disposed of.
 *
 * Invariants:
 * 1. A request is repeated only when it is a GET and the kept connection that it went out on was
 *    closed by the server meanwhile.
 * 2. Watches and streams are read no faster than they are consumed, and never use up the
 *    connections of requests.
 * 3. A request whose signal aborts leaves no connection behind.
 */
export function httpTransport(options: HttpTransportOptions): Transport & Disposable {
  return new HttpTransport({ ...defaults, ...options });
}

type Resolved = typeof defaults & ClusterAccess;

class HttpTransport implements Transport, Disposable {
  readonly #options: Resolved;
  readonly #base: URL;
  readonly #request: typeof httpRequest;
  readonly #pool: HttpAgent;
  readonly #longLived: HttpAgent;
  #token: { readonly value: string; readonly readAt: number } | undefined;

  constructor(options: Resolved) {
    this.#options = options;
    this.#base = new URL(options.server);
    const secure = this.#base.protocol === 'https:';
    if (!secure && this.#base.protocol !== 'http:') {
      throw new TypeError(`Cannot use server "${options.server}": it is not an http or https URL`);
    }
    this.#request = secure ? httpsRequest : httpRequest;
    const make = (agentOptions: ConstructorParameters<typeof HttpAgent>[0]): HttpAgent =>
      secure
        ? new HttpsAgent({ ...agentOptions, ...tlsOptions(options) })
        : new HttpAgent(agentOptions);
    this.#pool = make({
      keepAlive: true,
      keepAliveMsecs: keepAliveProbeMs,
      maxSockets: options.maxConnections,
    });
    this.#longLived = make({ keepAlive: false });
  }

  [Symbol.dispose](): void {
    this.#pool.destroy();
    this.#longLived.destroy();
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    const answer = await this.#open(request, this.#pool);
    return { status: answer.status, body: await this.#readBody(answer) };
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    const answer = await this.#open(request, this.#longLived);
    if (answer.status >= 300) return { kind: 'refused', ...(await this.#refusal(answer)) };
    answer.unlimitSilence();
    const lines = splitLines(answer.chunks, this.#options.lineLimitBytes);
    return { kind: 'events', events: parseLines(lines) };
  }

  async stream(request: ApiRequest): Promise<StreamResponse> {
    const answer = await this.#open(request, this.#longLived);
    if (answer.status >= 300) return { kind: 'refused', ...(await this.#refusal(answer)) };
    answer.unlimitSilence();
    return { kind: 'stream', chunks: answer.chunks };
  }

  async #refusal(answer: Answer): Promise<ApiResponse> {
    return { status: answer.status, body: await this.#readBody(answer) };
  }

  async #open(request: ApiRequest, agent: HttpAgent): Promise<Answer> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json, */*',
      'user-agent': this.#options.userAgent,
      ...(await this.#authorization()),
    };
    if (body !== undefined) {
      headers['content-type'] = request.contentType;
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    for (;;) {
      request.signal.throwIfAborted();
      const outgoing = this.#request(this.#url(request), {
        method: request.method,
        headers,
        agent,
      });
      outgoing.end(body);
      try {
        return await this.#answer(outgoing, request);
      } catch (error) {
        request.signal.throwIfAborted();
        const stale = outgoing.reusedSocket && isConnectionLoss(error);
        if (!stale || request.method !== 'GET') throw unreachable(this.#options.server, error);
      }
    }
  }

  #answer(outgoing: ClientRequest, request: ApiRequest): Promise<Answer> {
    const { connectTimeoutMs, answerTimeoutMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const abort = (): void => {
      outgoing.destroy();
      reject(request.signal.reason as Error);
    };
    request.signal.addEventListener('abort', abort, { once: true });
    let guard: NodeJS.Timeout | undefined;
    outgoing.once('socket', (socket) => {
      if (!socket.connecting) return;
      guard = setTimeout(() => {
        outgoing.destroy(new Error(`No connection within ${connectTimeoutMs} ms`));
      }, connectTimeoutMs);
      socket.once(this.#base.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        clearTimeout(guard);
        socket.setKeepAlive(true, keepAliveProbeMs);
      });
    });
    outgoing.setTimeout(answerTimeoutMs, () => {
      outgoing.destroy(new Error(`No answer within ${answerTimeoutMs} ms`));
    });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      outgoing.removeListener('error', reject);
      outgoing.on('error', () => undefined);
      incoming.once('close', () => request.signal.removeEventListener('abort', abort));
      resolve({
        status: incoming.statusCode ?? 0,
        contentType: incoming.headers['content-type'] ?? '',
        chunks: readChunks(incoming, request.signal),
        unlimitSilence: () => outgoing.setTimeout(0),
      });
    });
    outgoing.once('close', () => {
      clearTimeout(guard);
      request.signal.removeEventListener('abort', abort);
    });
    return promise;
  }

  async #readBody(answer: Answer): Promise<unknown> {
    const limit = this.#options.answerLimitBytes;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.chunks) {
      bytes += chunk.length;
      if (bytes > limit) throw new RangeError(`Cannot read an answer of more than ${limit} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (!answer.contentType.includes('json')) return text;
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new Error(`Cannot read the answer of "${this.#options.server}": it is no JSON`, {
        cause,
      });
    }
  }

  #url(request: ApiRequest): URL {
    const url = new URL(this.#base);
    url.pathname = this.#base.pathname.replace(/\/$/, '') + request.path;
    url.search = new URLSearchParams(request.query).toString();
    return url;
  }

  async #authorization(): Promise<Record<string, string>> {
    const { token, tokenFile } = this.#options;
    if (tokenFile === undefined) return token === undefined ? {} : bearer(token);
    const now = performance.now();
    if (this.#token === undefined || now - this.#token.readAt > tokenFileAgeMs) {
      this.#token = { value: (await readFile(tokenFile, 'utf8')).trim(), readAt: now };
    }
    return bearer(this.#token.value);
  }
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly unlimitSilence: () => void;
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function tlsOptions(access: ClusterAccess): Record<string, unknown> {
  return {
    ...(access.ca === undefined ? {} : { ca: access.ca }),
    ...(access.serverName === undefined ? {} : { servername: access.serverName }),
    ...(access.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
    ...(access.clientCert === undefined ? {} : { cert: access.clientCert }),
    ...(access.clientKey === undefined ? {} : { key: access.clientKey }),
  };
}

async function* readChunks(
  incoming: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of incoming) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function* parseLines(lines: AsyncIterable<string>): AsyncGenerator<unknown, void, undefined> {
  for await (const line of lines) yield JSON.parse(line);
}

function isConnectionLoss(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function unreachable(server: string, cause: unknown): Error {
  const state = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot reach the API server "${server}": ${state}`, { cause });
}
