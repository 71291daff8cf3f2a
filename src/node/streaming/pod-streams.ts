import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { RuntimeContainer, Sandbox } from '../runtime.ts';
import { type ExecRequest, parseExecRequest } from './exec-request.ts';
import { portForwardProtocol, servePortForward, tunnelProtocol } from './port-forward.ts';
import { remoteCommandProtocols, serveRemoteCommand } from './remote-command.ts';
import { serveRemoteCommandBySpdy } from './remote-command-spdy.ts';

export interface PodName {
  readonly namespace: string;
  readonly pod: string;
}

export interface ContainerName extends PodName {
  readonly container: string;
}

interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly message: string;
}

/** A running container, or why there is none: status and text. */
export type ContainerAnswer =
  | { readonly kind: 'container'; readonly container: RuntimeContainer }
  | Refused;

/** Where a pod can be reached, or why it cannot. */
export type SandboxAnswer = { readonly kind: 'sandbox'; readonly sandbox: Sandbox } | Refused;

/** What runs on this node. */
export interface RunningPods {
  readonly container: (name: ContainerName) => ContainerAnswer;
  readonly sandbox: (name: PodName) => SandboxAnswer;
}

/** What clients that fall back from websockets are spoken to in. */
const spdyExecProtocol = 'v4.channel.k8s.io';
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
  readonly #pods: RunningPods;
  readonly #sockets = new Set<Duplex>();

  constructor(pods: RunningPods) {
    this.#pods = pods;
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
    const url = new URL(request.url ?? '/', 'https://node');
    const upgrade = { request, socket, head };
    const exec = parseExecRequest(url);
    if (exec !== undefined) return this.#exec(upgrade, exec);
    const forward = parsePortForward(url);
    if (forward !== undefined) return this.#forward(upgrade, forward);
    refuseUpgrade(socket, 404, '404 page not found');
  }

  async #exec(upgrade: Upgrade, exec: ExecRequest): Promise<void> {
    const found = this.#pods.container(exec);
    if (found.kind === 'refused') {
      return refuseUpgrade(upgrade.socket, found.status, found.message);
    }
    if (isSpdy(upgrade.request, spdyExecProtocol)) {
      switchToSpdy(upgrade, spdyExecProtocol);
      return serveRemoteCommandBySpdy(upgrade.socket, found.container, exec);
    }
    const opened = await openWebSocket(upgrade, remoteCommandProtocols);
    if (opened !== undefined) await serveRemoteCommand(opened, found.container, exec);
  }

  async #forward(upgrade: Upgrade, name: PodName): Promise<void> {
    const { request, socket } = upgrade;
    const found = this.#pods.sandbox(name);
    if (found.kind === 'refused') return refuseUpgrade(socket, found.status, found.message);
    if (isSpdy(request, portForwardProtocol)) {
      switchToSpdy(upgrade, portForwardProtocol);
      return servePortForward(socket, found.sandbox);
    }
    const opened = await openWebSocket(upgrade, [tunnelProtocol]);
    if (opened === undefined) return;
    const { createWebSocketStream } = await import('ws');
    await servePortForward(createWebSocketStream(opened), found.sandbox);
  }
}

function isSpdy({ headers }: IncomingMessage, protocol: string): boolean {
  const offered = String(headers['x-stream-protocol-version'] ?? '').split(/, */);
  return headers.upgrade?.toLowerCase() === 'spdy/3.1' && offered.includes(protocol);
}

function switchToSpdy({ socket, head }: Upgrade, protocol: string): void {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
}

/** `/portForward/{namespace}/{pod}` */
function parsePortForward({ pathname }: URL): PodName | undefined {
  const match = /^\/portForward\/([^/]+)\/([^/]+)$/.exec(pathname);
  const [, namespace, pod] = match ?? [];
  if (namespace === undefined || pod === undefined) return undefined;
  return { namespace: decodeURIComponent(namespace), pod: decodeURIComponent(pod) };
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
  // A slash is in no token, so the library takes neither such an offer nor such an answer.
  if (chosen.includes('/')) {
    delete request.headers['sec-websocket-protocol'];
    server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${chosen}`));
  }
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
