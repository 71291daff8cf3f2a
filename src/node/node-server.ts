import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { LogOptions } from './runtime.ts';
import type { StatsSummary } from './stats.ts';
import { PodStreams, refuseUpgrade, type RunningPods } from './streaming/pod-streams.ts';

export interface NodeServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** What callers send as `Authorization: Bearer …`. */
  readonly token: string;
}

export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly options: LogOptions;
}

/** A log, or why there is none: status and text. */
export type LogAnswer =
  | { readonly kind: 'log'; readonly chunks: AsyncIterable<Uint8Array> }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

export interface NodeServerParts {
  readonly logs: (request: LogRequest, signal: AbortSignal) => LogAnswer;
  readonly stats: () => Promise<StatsSummary>;
  readonly running: RunningPods;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NodeServer extends AsyncDisposable {
  readonly port: number;
}

const headersTimeoutMs = 10_000;

/**
 * The node's own HTTPS server, on the kubelet's paths:
 * `GET /containerLogs/{namespace}/{pod}/{container}`, `GET /stats/summary`, `GET /healthz`, and as
 * websockets `/exec/{namespace}/{pod}/{container}` and `/portForward/{namespace}/{pod}`.
 */
export async function openNodeServer(
  options: NodeServerOptions,
  parts: NodeServerParts,
): Promise<NodeServer> {
  const { host, port, cert, key, token } = options;
  const open = new AbortController();
  const server = createServer(
    { cert, key, headersTimeout: headersTimeoutMs },
    (request, response) => {
      answer(request, response, { token, parts, signal: open.signal }).catch((error: unknown) => {
        parts.log.debug('A request to the node failed', { error: String(error) });
        response.destroy();
      });
    },
  );
  const streams = new PodStreams(parts.running);
  server.on('upgrade', (request, socket, head) => {
    if (!isAuthorized(request.headers.authorization, token)) {
      refuseUpgrade(socket, 401, 'Unauthorized');
      return;
    }
    streams.serve(request, socket, head).catch((error: unknown) => {
      parts.log.debug('A stream into a pod failed', { error: String(error) });
      socket.destroy();
    });
  });
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      open.abort(new Error('The node agent ends'));
      streams.close();
      await close(server);
    },
  };
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

interface Context {
  readonly token: string;
  readonly parts: NodeServerParts;
  readonly signal: AbortSignal;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { token, parts, signal }: Context,
): Promise<void> {
  request.resume();
  const url = new URL(request.url ?? '/', 'https://node');
  if (request.method !== 'GET') return refuse(response, 405, 'Method not allowed');
  if (url.pathname === '/healthz') return refuse(response, 200, 'ok');
  if (!isAuthorized(request.headers.authorization, token)) {
    return refuse(response, 401, 'Unauthorized');
  }
  if (url.pathname === '/stats/summary') {
    return send(response, 200, 'application/json', JSON.stringify(await parts.stats()));
  }
  const log = parseLogRequest(url, parts.clock.now());
  if (log === undefined) return refuse(response, 404, '404 page not found');
  if (typeof log === 'string') return refuse(response, 400, log);
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('The client has gone')));
  const found = parts.logs(log, AbortSignal.any([signal, gone.signal]));
  if (found.kind === 'refused') return refuse(response, found.status, found.message);
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  await pipeline(found.chunks, response);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${message}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function isAuthorized(header: string | undefined, token: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(header ?? ''), hash(`Bearer ${token}`));
}

/** The request, words about what is wrong with it, or undefined when it is for another path. */
function parseLogRequest(url: URL, now: number): LogRequest | string | undefined {
  const parts = url.pathname.split('/').slice(1).map(decodeURIComponent);
  const [root, namespace, pod, container, ...rest] = parts;
  if (root !== 'containerLogs' || rest.length > 0) return undefined;
  if (namespace === undefined || pod === undefined || container === undefined) return undefined;
  const query = url.searchParams;
  const numbers = new Map<string, number>();
  for (const name of ['tailLines', 'sinceSeconds', 'limitBytes']) {
    const text = query.get(name);
    if (text === null || text === '') continue;
    if (!/^\d+$/.test(text)) return `Invalid value "${text}" for ${name}: must be a whole number`;
    numbers.set(name, Number(text));
  }
  const sinceTime = query.get('sinceTime');
  if (sinceTime !== null && Number.isNaN(Date.parse(sinceTime))) {
    return `Invalid value "${sinceTime}" for sinceTime: must be a time in RFC 3339`;
  }
  const sinceSeconds = numbers.get('sinceSeconds');
  const since = sinceTime === null ? undefined : Date.parse(sinceTime);
  return {
    namespace,
    pod,
    container,
    options: {
      follow: query.get('follow') === 'true',
      previous: query.get('previous') === 'true',
      timestamps: query.get('timestamps') === 'true',
      tailLines: numbers.get('tailLines'),
      limitBytes: numbers.get('limitBytes'),
      since: sinceSeconds === undefined ? since : now - sinceSeconds * 1000,
    },
  };
}
