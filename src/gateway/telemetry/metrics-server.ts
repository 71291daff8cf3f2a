import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expositionType } from '../../lib/exposition.ts';
import { listenError } from '../../lib/listen-error.ts';

export interface MetricsAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * Serves the metrics of one gateway process at an address of its own: of several that share a port, a
 * scrape of that port reaches any one.
 */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  constructor(scrape: () => Promise<string>) {
    this.#server = createServer((request, response) => {
      void answer(request, response, scrape);
    });
  }

  /** Listens; rejects with words for what is in the way. */
  async listen({ host, port }: MetricsAddress): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, host, port)));
      this.#server.listen({ host, port }, resolve);
    });
    return this.#server.address() as AddressInfo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  scrape: () => Promise<string>,
): Promise<void> {
  if (url !== '/metrics' && url !== '/-/metrics') {
    response.writeHead(404).end();
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else {
    response.writeHead(200, { 'content-type': expositionType }).end(await scrape());
  }
}
