import type { AddressInfo } from 'node:net';
import type { ResolvedGateway } from './gateway-options.ts';
import { Certificate } from './tls/certificate.ts';
import { TlsLayer } from './tls/tls-layer.ts';
import { plainLayer } from './wire/client-connection.ts';
import { ConnectionBook } from './wire/connection-book.ts';
import type { Exchange } from './wire/exchange.ts';
import { Front, type FrontOptions } from './wire/front.ts';
import { FrontTraffic } from './wire/front-traffic.ts';

/** The ports of a gateway: one for HTTP, and one for TLS if it is asked for. */
export class Fronts implements AsyncDisposable {
  readonly traffic = new FrontTraffic();
  readonly #options: ResolvedGateway;
  readonly #shared: Omit<FrontOptions, 'layer'>;
  readonly #fronts: Front[] = [];
  #secure: { readonly certificate: Certificate; readonly layer: TlsLayer } | undefined;

  constructor(
    options: ResolvedGateway,
    handler: (exchange: Exchange) => void,
    refused: (status: number) => void,
  ) {
    this.#options = options;
    const book = new ConnectionBook(options.limits);
    this.#shared = { ...options, book, traffic: this.traffic, handler, refused };
  }

  /** Listens; rejects with words for what is in the way. */
  async listen(): Promise<readonly [plain: AddressInfo, tls: AddressInfo | undefined]> {
    const { tls } = this.#options;
    const plain = new Front({ ...this.#shared, layer: plainLayer });
    this.#fronts.push(plain);
    if (tls === undefined) return [await plain.listen(), undefined];
    const certificate = await Certificate.open(tls);
    const layer = new TlsLayer(certificate.pair);
    this.#secure = { certificate, layer };
    const secure = new Front({ ...this.#shared, port: tls.port, layer });
    this.#fronts.push(secure);
    return [await plain.listen(), await secure.listen()];
  }

  /** Renews the certificate as its files change, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const secure = this.#secure;
    await secure?.certificate.run(this.#options, (pair) => secure.layer.use(pair), signal);
  }

  /** Acts on deadlines of connections that have passed. */
  sweep(now: number): void {
    for (const front of this.#fronts) front.sweep(now);
  }

  /** Accepts no more, ends idle connections, lets the others finish until the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#fronts.map((front) => front.drain(signal)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#fronts.map((front) => front[Symbol.asyncDispose]()));
  }
}
