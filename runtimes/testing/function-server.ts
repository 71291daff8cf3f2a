import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Language = 'node' | 'python';

const commands: Record<Language, readonly string[]> = {
  node: [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    fileURLToPath(new URL('../node/server.cjs', import.meta.url)),
  ],
  python: [
    'python3',
    '-S',
    '-E',
    '-u',
    fileURLToPath(new URL('../python/server.py', import.meta.url)),
  ],
};

export interface StartOptions {
  readonly language: Language;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly handler: string;
  readonly signature?: string;
  /** Makes it a warm pod, to be claimed with this secret; its folder is then `files` as they are. */
  readonly secret?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of a server that has ended: a container that starts anew keeps its volumes. */
  readonly folder?: string;
  /** The server's program, when it is not the one beside this. */
  readonly program?: string;
}

/** A function server in a process of its own, started as the process runtime starts it. */
export class FunctionServer implements AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Resolves to true once the server says that it is ready, to false when it ends before. */
  readonly ready: Promise<boolean>;
  stdout = '';
  stderr = '';
  readonly folder: string;

  constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.process = child;
    this.folder = folder;
    this.exited = once(child, 'exit').then(([code]) => code as number | null);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const notify = child.stdio[4];
    this.ready = new Promise((resolve) => {
      notify?.on('data', (chunk: Buffer) => resolve(chunk.toString() === 'READY=1\n'));
      notify?.on('close', () => resolve(false));
    });
  }

  /** What the server wrote as the reason for its end. */
  terminationMessage(): unknown {
    return JSON.parse(readFileSync(join(this.folder, 'termination-log'), 'utf8'));
  }

  call(body: unknown, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url, { method: 'POST', body: JSON.stringify(body), ...init });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts a server on an inherited socket of 127.0.0.1. */
export async function startServer(options: StartOptions): Promise<FunctionServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'nought-function-'));
  const code = join(folder, 'code');
  mkdirSync(code, { recursive: true });
  for (const [name, text] of Object.entries(options.files)) {
    mkdirSync(dirname(join(code, name)), { recursive: true });
    writeFileSync(join(code, name), text);
  }
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to a listening socket's descriptor
  const { fd } = (listener as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const [command, ...args] = commands[options.language] as [string, ...string[]];
  if (options.program !== undefined) args[args.length - 1] = options.program;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', fd, 'pipe'],
    env: {
      PATH: process.env['PATH'],
      TMPDIR: folder,
      PORT: String(port),
      HOST: '127.0.0.1',
      NOUGHT_LISTEN_FD: '3',
      NOUGHT_NOTIFY_FD: '4',
      NOUGHT_CODE: code,
      NOUGHT_TERMINATION_LOG: join(folder, 'termination-log'),
      ...purpose(options),
      ...options.env,
    },
  });
  listener.close();
  return new FunctionServer(`http://127.0.0.1:${port}/`, child, folder);
}

function purpose({ handler, signature, secret }: StartOptions): Record<string, string> {
  return secret === undefined
    ? { NOUGHT_HANDLER: handler, NOUGHT_SIGNATURE: signature ?? 'json' }
    : { NOUGHT_CLAIM_DIGEST: createHash('sha256').update(secret).digest('hex') };
}
