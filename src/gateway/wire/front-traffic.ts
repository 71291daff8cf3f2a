import type { Socket } from 'node:net';

/** Why a client's connection was closed at once. */
export type ConnectionRefusal = 'limit' | 'client-limit';

/** What came and went over the front's connections; counted when one opens or closes, not on the way. */
export class FrontTraffic {
  accepted = 0;
  readonly #open = new Set<Socket>();
  readonly #refused = new Map<ConnectionRefusal, number>();
  #read = 0;
  #written = 0;

  /** Open connections. */
  get open(): number {
    return this.#open.size;
  }

  get refused(): ReadonlyMap<ConnectionRefusal, number> {
    return this.#refused;
  }

  opened(socket: Socket): void {
    this.accepted += 1;
    this.#open.add(socket);
  }

  closed(socket: Socket): void {
    this.#open.delete(socket);
    this.#read += socket.bytesRead;
    this.#written += socket.bytesWritten;
  }

  refuse(reason: ConnectionRefusal): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** Bytes from and to clients so far. */
  bytes(): { readonly read: number; readonly written: number } {
    let read = this.#read;
    let written = this.#written;
    for (const socket of this.#open) {
      read += socket.bytesRead;
      written += socket.bytesWritten;
    }
    return { read, written };
  }
}
