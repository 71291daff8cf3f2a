import { once } from 'node:events';
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

  /** `parts` is asked anew for each scrape. */
  constructor(parts: () => Iterable<string>) {
    this.#server = createServer((request, response) => {
      // A client that leaves is the only way to fail.
      answer(request, response, parts).catch(() => response.destroy());
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
  parts: () => Iterable<string>,
): Promise<void> {
  if (url !== '/metrics' && url !== '/-/metrics') {
    response.writeHead(404).end();
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.writeHead(200, { 'content-type': expositionType });
  for (const part of method === 'HEAD' ? [] : parts()) {
    if (!response.write(part)) await once(response, 'drain', { signal: gone.signal });
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    if (gone.signal.aborted) return;
  }
  response.end();
}
