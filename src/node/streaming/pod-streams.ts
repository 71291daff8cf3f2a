import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { RuntimeContainer } from '../runtime.ts';
import { parseExecRequest } from './exec-request.ts';
import { remoteCommandProtocols, serveRemoteCommand } from './remote-command.ts';

export interface ContainerName {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** A running container, or why there is none: status and text. */
export type ContainerAnswer =
  | { readonly kind: 'container'; readonly container: RuntimeContainer }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

export type FindContainer = (name: ContainerName) => ContainerAnswer;

/** How many streams are open at once. */
const maxStreams = 200;
/** Clients send pieces of 32 KiB. */
const maxMessageBytes = 1 << 20;

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
};

/** The streams into pods that clients have open. */
export class PodStreams {
  readonly #find: FindContainer;
  readonly #sockets = new Set<Duplex>();

  constructor(find: FindContainer) {
    this.#find = find;
  }

  /** Cuts all of them. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Serves an upgrade whose sender may do so; resolves when the stream has ended. */
  async serve(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#sockets.size > maxStreams)
      return refuseUpgrade(socket, 429, 'too many streams are open');
    const exec = parseExecRequest(new URL(request.url ?? '/', 'https://node'));
    if (exec === undefined) return refuseUpgrade(socket, 404, '404 page not found');
    const found = this.#find(exec);
    if (found.kind === 'refused') return refuseUpgrade(socket, found.status, found.message);
    const opened = await openWebSocket({ request, socket, head }, remoteCommandProtocols);
    if (opened !== undefined) await serveRemoteCommand(opened, found.container, exec);
  }
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Accepts a websocket with the first of the protocols that is offered; refuses it without one. */
async function openWebSocket(
  { request, socket, head }: Upgrade,
  protocols: readonly string[],
): Promise<WebSocket | undefined> {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((one) => one.trim());
  const chosen = protocols.find((one) => offered.includes(one));
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || chosen === undefined) {
    refuseUpgrade(
      socket,
      400,
      `unable to upgrade: only websockets with ${protocols.join(' or ')} are served`,
    );
    return undefined;
  }
  // Loaded when it is first needed: most nodes never are asked for a stream.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handleProtocols: () => chosen,
  });
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
}

/** Answers a request to upgrade as if it had not been one, and hangs up. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const lines = [
    `HTTP/1.1 ${status} ${statusTexts[status] ?? 'Error'}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(message)}`,
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${message}`);
}
