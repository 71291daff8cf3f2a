import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { StatusError } from '../../api/index.ts';
import { listenError } from '../../lib/listen-error.ts';
import type { Log } from '../../lib/log.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Dispatcher } from '../routing/dispatch.ts';
import { jsonAnswer, type ServerRequest } from '../request.ts';
import { readBody } from './read-body.ts';
import { header, readHead } from './read-head.ts';
import { isStream, Streams } from './upgrade.ts';
import { writeAnswer } from './write-answer.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca?: string };
}

export interface Listener {
  /** `https://host:port`. */
  readonly url: string;
  readonly port: number;
  /** Takes no new requests, ends watches, and waits for what is being answered (at most 5 s). */
  close(): Promise<void>;
}

export interface ListenDeps {
  readonly dispatcher: Dispatcher;
  readonly authenticator: Authenticator;
  readonly bodyLimitBytes: number;
  readonly log: Log;
}

const maxHeaderBytes = 32 * 1024;
const handshakeTimeoutMs = 10_000;
const headersTimeoutMs = 20_000;
/** For a whole request, body included. */
const requestTimeoutMs = 60_000;
/** Longer than Go's clients keep an idle connection, so that they are the ones to close it. */
const keepAliveTimeoutMs = 120_000;
const closeGraceMs = 5000;

/** Serves HTTPS (HTTP/1.1). Throws an Error that names the port and what to do about it. */
export async function listenHttps(deps: ListenDeps, options: ListenOptions): Promise<Listener> {
  const { host, port, tls } = options;
  const stopping = new AbortController();
  const server = createServer({
    ...tls,
    minVersion: 'TLSv1.2',
    maxHeaderSize: maxHeaderBytes,
    handshakeTimeout: handshakeTimeoutMs,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    noDelay: true,
    shouldUpgradeCallback: isStream,
  });
  const streams = new Streams(deps);
  server.on('upgrade', (request, socket, head) => {
    streams.serve(request, socket, head).catch((error: unknown) => {
      if (!socket.destroyed) deps.log.error('A stream failed', { error: String(error) });
      socket.destroy();
    });
  });
  stopping.signal.addEventListener('abort', () => streams.close(), { once: true });
  server.on('request', (request, response) => {
    serve(deps, stopping.signal, request, response).catch((error: unknown) => {
      // A client that left early is no fault.
      if (!response.destroyed) {
        deps.log.error('An answer could not be written', { error: String(error) });
      }
      response.destroy();
    });
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, host, port);
  }
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `https://${name}:${bound}`,
    port: bound,
    close: () => closeServer(server, stopping),
  };
}

async function closeServer(server: Server, stopping: AbortController): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  stopping.abort();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearTimeout(timer);
}

async function serve(
  { dispatcher, authenticator, bodyLimitBytes }: ListenDeps,
  stopping: AbortSignal,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.on('close', () => {
    if (!response.writableFinished) abort();
  });
  stopping.addEventListener('abort', abort, { once: true });
  const acceptsGzip = /\bgzip\b/.test(header(incoming, 'accept-encoding'));
  const options = { acceptsGzip, signal: gone.signal };
  try {
    const request = await readRequest(incoming, authenticator, bodyLimitBytes, gone.signal);
    if (stopping.aborted) response.setHeader('connection', 'close');
    await writeAnswer(response, await dispatcher.answer(request), options);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // What is left of the request is not read, so the connection cannot be used again.
    response.setHeader('connection', 'close');
    await writeAnswer(response, jsonAnswer(error.code, error.toStatus()), options);
  } finally {
    stopping.removeEventListener('abort', abort);
    if (stopping.aborted) hangUp(incoming, response);
  }
}

/** Closes the connection of an answer once it is written. */
function hangUp({ socket }: IncomingMessage, response: ServerResponse): void {
  if (response.writableFinished) socket.end();
  else response.once('finish', () => socket.end());
}

async function readRequest(
  incoming: IncomingMessage,
  authenticator: Authenticator,
  bodyLimitBytes: number,
  signal: AbortSignal,
): Promise<ServerRequest> {
  const head = readHead(incoming, authenticator);
  return { ...head, body: await readBody(incoming, bodyLimitBytes), signal };
}
