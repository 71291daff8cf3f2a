import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { StatusError } from '../../api/index.ts';
import type { Kubeconfig } from '../../client/index.ts';

const protocol = 'v5.channel.k8s.io';
const handshakeTimeoutMs = 30_000;
const maxRefusalBytes = 64 * 1024;

/** Opens the websocket of a command in a pod; throws StatusError for a refusal. */
export async function openExecSocket(
  { server, token, tokenFile, ...access }: Kubeconfig['access'],
  path: string,
  signal: AbortSignal,
): Promise<WebSocket> {
  const { WebSocket: Socket } = await import('ws');
  const bearer = tokenFile === undefined ? token : (await readFile(tokenFile, 'utf8')).trim();
  signal.throwIfAborted();
  const socket = new Socket(
    `${server.replace(/^http/, 'ws').replace(/\/$/, '')}${path}`,
    protocol,
    {
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      handshakeTimeout: handshakeTimeoutMs,
      perMessageDeflate: false,
      ...(access.ca === undefined ? {} : { ca: access.ca }),
      ...(access.serverName === undefined ? {} : { servername: access.serverName }),
      ...(access.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
      ...(access.clientCert === undefined ? {} : { cert: access.clientCert }),
      ...(access.clientKey === undefined ? {} : { key: access.clientKey }),
    },
  );
  signal.addEventListener('abort', () => socket.terminate(), { once: true });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.on('error', reject);
    socket.once('unexpected-response', (_, response) => {
      refusalOf(response)
        .then(reject, reject)
        .finally(() => socket.terminate());
    });
  });
}

async function refusalOf(response: IncomingMessage): Promise<StatusError> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > maxRefusalBytes) break;
  }
  const code = response.statusCode ?? 500;
  try {
    return StatusError.fromResponse(code, JSON.parse(text) as unknown);
  } catch {
    return StatusError.fromResponse(code, text);
  }
}
