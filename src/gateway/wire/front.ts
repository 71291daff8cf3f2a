import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { listenError } from '../../lib/listen-error.ts';
import type {
  ClientLimits,
  Connection,
  ConnectionLayer,
  ConnectionOwner,
  FrontContext,
} from './connection.ts';
import { clientOf, type ConnectionBook } from './connection-book.ts';
import type { Exchange } from './exchange.ts';
import type { FrontTraffic } from './front-traffic.ts';
import type { RecentClock } from './recent-clock.ts';
import { RequestHeadParser } from './request-head.ts';

export interface FrontOptions {
  readonly host: string;
  readonly port: number;
  /** Several processes may listen on the same port; the kernel spreads connections over them. */
  readonly reusePort: boolean;
  readonly limits: ClientLimits;
  /** Connections are counted here, with those of the gateway's other fronts. */
  readonly book: ConnectionBook;
  /** What comes and goes is counted here, likewise. */
  readonly traffic: FrontTraffic;
  readonly layer: ConnectionLayer;
  readonly clock: RecentClock;
  readonly handler: (exchange: Exchange) => void;
  readonly refused: (status: number) => void;
}

/**
 * One port of the gateway: accepts clients and hands their requests on.
 *
 * Owns the listening socket and its clients' connections.
 */
export class Front implements AsyncDisposable, ConnectionOwner {
  readonly #options: FrontOptions;
  readonly #context: FrontContext & { closing: boolean };
  readonly #connections = new Set<Connection>();
  readonly #server: Server;
  #emptied: (() => void) | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
    const { limits, clock, handler, refused, layer } = options;
    this.#context = {
      limits,
      clock,
      parser: new RequestHeadParser(limits),
      handler,
      refused,
      secure: layer.secure,
      closing: false,
    };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Listens; rejects with words for what is in the way. Returns the address. */
  async listen(): Promise<AddressInfo> {
    const { host, port, reusePort } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error): void => reject(listenError(error, host, port));
      this.#server.once('error', refused);
      this.#server.listen({ host, port, reusePort, backlog: 4096 }, () => {
        this.#server.off('error', refused);
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  /** Acts on deadlines of connections that have passed. */
  sweep(now: number): void {
    for (const connection of this.#connections) connection.sweep(now);
  }

  /** Accepts no more, ends idle connections, lets the others finish until the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#context.closing = true;
    this.#server.close();
    for (const connection of this.#connections) connection.closeIdle();
    if (this.#connections.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context.closing = true;
    const closed = this.#server.listening
      ? new Promise<void>((resolve) => {
          this.#server.close(() => resolve());
        })
      : Promise.resolve();
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  opened(connection: Connection): void {
    this.#connections.add(connection);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  #accept(socket: Socket): void {
    const { book, layer, traffic } = this.#options;
    const client = clientOf(socket.remoteAddress ?? '');
    const refusal = book.admit(client);
    if (refusal !== undefined) {
      traffic.refuse(refusal);
      socket.destroy();
      return;
    }
    traffic.opened(socket);
    socket.on('close', () => {
      book.release(client);
      traffic.closed(socket);
    });
    layer.accept(socket, this.#context, this);
  }
}
