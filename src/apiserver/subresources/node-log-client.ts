import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { StatusError } from '../../api/index.ts';
import type { NodeLogOptions } from '../options.ts';

export interface NodeEndpoint {
  readonly host: string;
  readonly port: number;
  readonly nodeName: string;
}

export interface NodeRequest {
  readonly endpoint: NodeEndpoint;
  /** With the query. */
  readonly path: string;
  readonly signal: AbortSignal;
}

/** How long a node may take to begin its answer. */
const answerTimeoutMs = 30_000;
/** Longest error text of a node that is passed on. */
const maxErrorBytes = 4096;

/** The chunks of a node's answer as it sends them. Throws StatusError for a refusal. */
export async function fetchFromNode(
  options: NodeLogOptions,
  request: NodeRequest,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await open(options, request);
  const status = response.statusCode ?? 502;
  if (status === 200) return response;
  const text = await errorText(response);
  const detail = text === '' ? `node "${request.endpoint.nodeName}" answered ${status}` : text;
  throw new StatusError(status, status === 400 ? 'BadRequest' : reasonOf(status), detail);
}

function reasonOf(status: number): string {
  return status === 404 ? 'NotFound' : 'InternalError';
}

function open(
  { ca, token }: NodeLogOptions,
  { endpoint, path, signal }: NodeRequest,
): Promise<IncomingMessage> {
  const { host, port, nodeName } = endpoint;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host,
        port,
        path,
        ca,
        signal,
        agent: new Agent({ keepAlive: false }),
        headers: { authorization: `Bearer ${token}` },
      },
      (response) => {
        outgoing.setTimeout(0);
        resolve(response);
      },
    );
    outgoing.setTimeout(answerTimeoutMs, () => outgoing.destroy(new Error('it does not answer')));
    outgoing.on('error', (error) => {
      const message = `Cannot reach node "${nodeName}" at ${host}:${port}: ${error.message}`;
      reject(new StatusError(502, 'InternalError', message));
    });
    outgoing.end();
  });
}

/** The text of a refusal, as far as it is passed on. */
export async function errorText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!(chunk instanceof Buffer)) continue;
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= maxErrorBytes) break;
  }
  return Buffer.concat(chunks).toString().slice(0, maxErrorBytes).trim();
}
