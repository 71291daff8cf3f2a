import { type IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { StatusError } from '../../api/index.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { tooManyRequests } from '../refusals.ts';
import { type Answer, jsonAnswer } from '../request.ts';
import type { Dispatcher } from '../routing/dispatch.ts';
import { parsePath } from '../routing/request-info.ts';
import { errorText } from '../subresources/node-log-client.ts';
import { streamSubresources, type StreamTarget } from '../subresources/pod-stream.ts';
import { readHead } from './read-head.ts';
import { writeAnswer } from './write-answer.ts';

export interface UpgradeDeps {
  readonly dispatcher: Dispatcher;
  readonly authenticator: Authenticator;
}

/** How many streams into pods are open at once. */
const maxStreams = 500;
/** How long a node may take to answer. */
const answerTimeoutMs = 30_000;
/** A peer that has gone without a word is found out after about three times this. */
const keepAliveMs = 30_000;
/** Headers of the caller's handshake that the node answers. */
const handshake = [
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'x-stream-protocol-version',
];

/** Whether a request is to become a stream into a pod; others are answered as if they did not ask. */
export function isStream({ url = '/', headers }: IncomingMessage): boolean {
  const protocol = headers.upgrade?.toLowerCase();
  if (protocol !== 'websocket' && protocol !== 'spdy/3.1') return false;
  const info = parsePath(url.split('?', 1)[0] ?? '/');
  if (info.kind !== 'resource' || info.group !== '' || info.plural !== 'pods') return false;
  return streamSubresources.has(info.subresource ?? '');
}

/**
 * Streams into pods: joins callers' upgraded connections to those of nodes, byte by byte.
 *
 * Owns the connections of both sides.
 *
 * Invariants:
 * 1. Neither side is read faster than the other takes it; when one has gone, so has the other.
 * 2. The caller's credentials never reach a node.
 */
export class Streams {
  readonly #deps: UpgradeDeps;
  readonly #open = new Set<Duplex>();

  constructor(deps: UpgradeDeps) {
    this.#deps = deps;
  }

  /** Cuts all of them. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** Answers a request to upgrade, and stays with the connection until it has ended. */
  async serve(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#open.delete(socket);
      gone.abort(new Error('The client has gone'));
    });
    const refused = await this.#connect(incoming, { socket, head, signal: gone.signal });
    if (refused === undefined) return;
    const response = new ServerResponse(incoming);
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
    response.setHeader('connection', 'close');
    response.once('finish', () => socket.end());
    await writeAnswer(response, refused, { acceptsGzip: false, signal: gone.signal });
  }

  async #connect(incoming: IncomingMessage, client: ClientSide): Promise<Answer | undefined> {
    try {
      if (this.#open.size > maxStreams) throw tooManyRequests('too many streams are open', 1);
      const request = { ...readHead(incoming, this.#deps.authenticator), signal: client.signal };
      const found = await this.#deps.dispatcher.connect({ ...request, body: { kind: 'none' } });
      if (found.kind === 'refused') return found.answer;
      await join(incoming, client, found.target);
      return undefined;
    } catch (error) {
      if (error instanceof StatusError) return jsonAnswer(error.code, error.toStatus());
      throw error;
    }
  }
}

interface ClientSide {
  readonly socket: Duplex;
  /** What came after the head of the request. */
  readonly head: Buffer;
  readonly signal: AbortSignal;
}

/** Repeats the handshake towards the node, and joins the two. Throws StatusError when that fails. */
async function join(
  { method, headers }: IncomingMessage,
  { socket, head, signal }: ClientSide,
  { endpoint, path, access }: StreamTarget,
): Promise<void> {
  const { host, port, nodeName } = endpoint;
  const sent: Record<string, string | string[]> = {
    connection: 'Upgrade',
    upgrade: headers.upgrade ?? '',
    authorization: `Bearer ${access.token}`,
  };
  for (const name of handshake) {
    const value = headers[name];
    if (value !== undefined) sent[name] = value;
  }
  const { ca } = access;
  const outgoing = httpsRequest({
    host,
    port,
    path,
    method,
    ca,
    signal,
    agent: false,
    headers: sent,
  });
  outgoing.setTimeout(answerTimeoutMs, () => outgoing.destroy(new Error('it does not answer')));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  outgoing.on('error', (error) => {
    const message = `Cannot reach node "${nodeName}" at ${host}:${port}: ${error.message}`;
    reject(new StatusError(502, 'InternalError', message));
  });
  outgoing.once('response', (response) => {
    const status = response.statusCode ?? 502;
    errorText(response).then(
      (text) => reject(refusal(status, text || `node "${nodeName}" answered ${status}`)),
      reject,
    );
  });
  outgoing.once('upgrade', (response, far, farHead) => {
    far.setTimeout(0);
    far.setKeepAlive(true, keepAliveMs);
    socket.write(headOf(response));
    socket.write(farHead);
    far.write(head);
    pair(socket, far);
    pair(far, socket);
    resolve();
  });
  outgoing.end();
  return promise;
}

function refusal(status: number, text: string): StatusError {
  if (status < 500)
    return new StatusError(status, status === 404 ? 'NotFound' : 'BadRequest', text);
  return new StatusError(status, 'InternalError', `Internal error occurred: ${text}`);
}

function headOf({ rawHeaders, httpVersion }: IncomingMessage): string {
  const lines = [`HTTP/${httpVersion} 101 Switching Protocols`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    lines.push(`${rawHeaders[index] ?? ''}: ${rawHeaders[index + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function pair(from: Duplex, to: Duplex): void {
  from.on('error', () => undefined);
  from.once('close', () => (from.readableEnded ? to.end() : to.destroy()));
  from.pipe(to);
}
