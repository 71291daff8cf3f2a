import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  type AutoscalerMessage,
  demandLineLimit,
  type GatewayMessage,
  parseGatewayMessage,
} from '../../api/index.ts';
import type { Log } from '../../lib/log.ts';

/** Who takes in what the gateways say; `connection` tells connections of one gateway apart. */
export interface DemandSink {
  connect(gateway: string, connection: symbol, send: (message: AutoscalerMessage) => void): void;
  take(gateway: string, message: Exclude<GatewayMessage, { kind: 'hello' }>): void;
  disconnect(gateway: string, connection: symbol): void;
}

export interface DemandServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly token: string;
  readonly log: Log;
}

export interface DemandServer extends AsyncDisposable {
  readonly port: number;
  /** Hands gateways to the sink from now on; undefined turns all away. Open connections are ended. */
  serve(sink: DemandSink | undefined): void;
  /** Says something to all gateways that are connected. */
  tell(message: AutoscalerMessage): void;
}

const connectionLimit = 256;
/** How long a connection may take to say hello. */
const helloMs = 5000;
/** Idle time after which the kernel asks whether the other side is still there. */
const keepAliveMs = 5000;

/** Listens for gateways; they are turned away until `serve` is called. */
export async function openDemandServer(options: DemandServerOptions): Promise<DemandServer> {
  const connections = new Set<Socket>();
  const gateways = new Set<Socket>();
  let sink: DemandSink | undefined;
  const server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  server.maxConnections = connectionLimit;
  server.on('connection', (socket) => {
    if (sink === undefined) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.once('close', () => {
      connections.delete(socket);
      gateways.delete(socket);
    });
    attend(socket, sink, { ...options, welcomed: () => gateways.add(socket) });
  });
  await listen(server, options);
  const endAll = (): void => {
    for (const socket of connections) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    serve: (next) => {
      sink = next;
      endAll();
    },
    tell: (message) => {
      for (const socket of gateways) send(socket, message);
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        endAll();
      }),
  };
}

function listen(server: Server, { host, port }: DemandServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new Error(`Cannot listen for gateways on ${host}:${port}: ${cause.message}`, { cause }),
      );
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/** Reads one gateway's lines: first its hello, then what it has to say. */
function attend(
  socket: Socket,
  sink: DemandSink,
  { token, log, welcomed }: DemandServerOptions & { readonly welcomed: () => void },
): void {
  const connection = Symbol('gateway');
  let gateway: string | undefined;
  const refuse = (why: string): void => {
    log.warn('A connection for demand was refused', { why, remote: socket.remoteAddress, gateway });
    socket.destroy();
  };
  socket.setTimeout(helloMs, () => refuse('it did not say hello in time'));
  // The close that follows says all that there is to do.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    if (gateway !== undefined) sink.disconnect(gateway, connection);
  });
  onLines(socket, refuse, (line) => {
    const message = parseGatewayMessage(line);
    if (message === undefined) {
      refuse('it sent a line that is no message');
    } else if (gateway === undefined) {
      if (message.kind !== 'hello' || !isSame(message.token, token)) {
        refuse('it did not show the token');
        return;
      }
      gateway = message.gateway;
      socket.setTimeout(0);
      send(socket, { kind: 'welcome' });
      welcomed();
      sink.connect(gateway, connection, (answer) => send(socket, answer));
    } else if (message.kind === 'hello') {
      refuse('it said hello twice');
    } else {
      sink.take(gateway, message);
    }
  });
}

function send(socket: Socket, message: AutoscalerMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

function onLines(
  socket: Socket,
  refuse: (why: string) => void,
  take: (line: string) => void,
): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      bytes = 0;
      start = end + 1;
      if (!socket.destroyed) take(line);
    }
    if (start === chunk.length) return;
    parts.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > demandLineLimit && !socket.destroyed) refuse('it sent too long a line');
  });
}

function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
