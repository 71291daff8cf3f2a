import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answerer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A server whose every answer the test writes; requests are kept in order of arrival. */
export interface FarSide extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly string[];
  answer: Answerer;
}

/** Opens a far side on a free port of 127.0.0.1, or on `port`. */
export async function openFarSide(answer: Answerer, port = 0): Promise<FarSide> {
  const requests: string[] = [];
  const farSide = { answer };
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void farSide.answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(farSide, {
    url,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** Answers with one JSON document. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
