import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { Http2Connection } from '../http2/http2-connection.ts';
import { ClientConnection } from '../wire/client-connection.ts';
import type {
  Connection,
  ConnectionLayer,
  ConnectionOwner,
  FrontContext,
} from '../wire/connection.ts';
import type { PemPair } from './certificate.ts';

/** How long a client may take for the TLS handshake; milliseconds. */
const handshakeMs = 10_000;

/**
 * TLS, and within it HTTP/2 or HTTP/1.1 as the client chooses (ALPN).
 *
 * Owns the sockets whose handshake is under way. The server of node:tls never listens: the front does,
 * as it does for HTTP, and gives it the sockets.
 */
export class TlsLayer implements ConnectionLayer {
  readonly secure = true;
  readonly #server;
  /** By the client's address and port, which is what a socket and its secure one have in common. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(pair: PemPair) {
    this.#server = createServer({
      ...contextOf(pair),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeMs,
    });
    this.#server.on('secureConnection', (socket) => {
      const handshake = this.#handshakes.get(nameOf(socket));
      if (handshake === undefined) socket.destroy();
      else handshake.done(socket);
    });
    // The socket is destroyed by node.
    this.#server.on('tlsClientError', () => undefined);
  }

  /** Shows another certificate from the next connection on. */
  use(pair: PemPair): void {
    this.#server.setSecureContext(contextOf(pair));
  }

  accept(socket: Socket, front: FrontContext, owner: ConnectionOwner): void {
    const name = nameOf(socket);
    const handshake = new Handshake(socket, front, owner);
    this.#handshakes.set(name, handshake);
    owner.opened(handshake);
    socket.on('close', () => {
      this.#handshakes.delete(name);
      handshake.over();
    });
    this.#server.emit('connection', socket);
  }
}

/** A connection that gives way to one that serves requests. */
class Handshake implements Connection {
  readonly #socket: Socket;
  readonly #front: FrontContext;
  readonly #owner: ConnectionOwner;
  #over = false;

  constructor(socket: Socket, front: FrontContext, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#front = front;
    this.#owner = owner;
  }

  done(socket: TLSSocket): void {
    const closed = (connection: Connection): void => this.#owner.closed(connection);
    this.#owner.opened(
      socket.alpnProtocol === 'h2'
        ? new Http2Connection(socket, this.#front, closed)
        : new ClientConnection(socket, this.#front, closed),
    );
    this.over();
  }

  over(): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.closed(this);
  }

  sweep(): void {
    // The handshake has its time limit within node:tls.
  }

  closeIdle(): void {
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function contextOf({ cert, key }: PemPair): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_RENEGOTIATION };
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
