import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { names } from '../../api/index.ts';

export interface FakePod extends AsyncDisposable {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  /** Requests but those to the ready path, as `METHOD /path body`. */
  readonly seen: readonly string[];
  /** What the ready path answers. */
  readyStatus: number;
  /** Questions to the ready path. */
  readonly probes: number;
  readonly connections: number;
}

let nextAddress = 2;

/** An address in 127.0.0.0/8 that no other pod of this process has. */
export function podAddress(): string {
  nextAddress += 1;
  return `127.7.${nextAddress >> 8}.${nextAddress & 255}`;
}

/** A function's pod: an HTTP server with an address of its own, which answers the ready path itself. */
export async function startPod(
  handler: RequestListener = echo,
  at: { readonly host?: string; readonly port?: number; readonly keepAliveMs?: number } = {},
): Promise<FakePod> {
  const host = at.host ?? podAddress();
  const seen: string[] = [];
  const state = { readyStatus: 200, probes: 0, connections: 0 };
  const server = createServer((request, response) => {
    if (request.url === names.readyPath) {
      state.probes += 1;
      response.writeHead(state.readyStatus).end();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
    });
    handler(request, response);
  });
  server.keepAliveTimeout = at.keepAliveMs ?? 5000;
  server.on('connection', () => {
    state.connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen({ host, port: at.port ?? 0 }, resolve);
  });
  return {
    server,
    host,
    port: (server.address() as AddressInfo).port,
    seen,
    get readyStatus() {
      return state.readyStatus;
    },
    set readyStatus(status) {
      state.readyStatus = status;
    },
    get probes() {
      return state.probes;
    },
    get connections() {
      return state.connections;
    },
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers with what came: method, url, headers, body. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') }),
    );
  });
}
