import type { AddressInfo } from 'node:net';
import type { ResolvedGateway } from './gateway-options.ts';
import { plainLayer } from './wire/client-connection.ts';
import { ConnectionBook } from './wire/connection-book.ts';
import type { Exchange } from './wire/exchange.ts';
import { Front } from './wire/front.ts';
import { FrontTraffic } from './wire/front-traffic.ts';

/** The ports of a gateway: one for HTTP. */
export class Fronts implements AsyncDisposable {
  readonly traffic = new FrontTraffic();
  readonly #book: ConnectionBook;
  readonly #plain: Front;

  constructor(
    options: ResolvedGateway,
    handler: (exchange: Exchange) => void,
    refused: (status: number) => void,
  ) {
    this.#book = new ConnectionBook(options.limits);
    const shared = { ...options, book: this.#book, traffic: this.traffic, handler, refused };
    this.#plain = new Front({ ...shared, layer: plainLayer });
  }

  /** Listens; rejects with words for what is in the way. */
  async listen(): Promise<AddressInfo> {
    return await this.#plain.listen();
  }

  /** Acts on deadlines of connections that have passed. */
  sweep(now: number): void {
    this.#plain.sweep(now);
  }

  /** Accepts no more, ends idle connections, lets the others finish until the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    await this.#plain.drain(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plain[Symbol.asyncDispose]();
  }
}
