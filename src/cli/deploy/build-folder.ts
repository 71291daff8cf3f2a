import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CommandError, type CommandIo } from '../command.ts';
import type { SourceFolder } from './source-folder.ts';

const installers = {
  npm: 'npm install --omit=dev --ignore-scripts --no-audit --no-fund',
  pip: 'python3 -m pip install --no-compile --disable-pip-version-check --target . -r requirements.txt',
} as const;

/** What is made anew, or nobody's business at run time. */
function isLeftOut(name: string): boolean {
  return (
    ['.git', 'node_modules', '__pycache__', '.venv'].includes(name) || name.startsWith('.nought')
  );
}

/** A copy of the code with its dependencies, removed when disposed of. */
export async function openBuildFolder(
  source: SourceFolder,
  io: CommandIo,
): Promise<AsyncDisposable & { readonly path: string }> {
  await using opened = new AsyncDisposableStack();
  const outer = await realpath(await mkdtemp(join(tmpdir(), 'nought-deploy-')));
  opened.defer(() => rm(outer, { recursive: true, force: true }));
  // npm writes the folder's name into its lock file: it must be the same each time.
  const path = join(outer, source.name);
  await mkdir(path);
  await copyCode(source.path, path, io.signal);
  if ((await readdir(path)).length === 0) {
    throw new CommandError(`Cannot deploy "${source.path}": it has no files of its own`);
  }
  if (source.dependencies !== 'none') await install(source.dependencies, path, io);
  const end = opened.move();
  return { path, [Symbol.asyncDispose]: () => end.disposeAsync() };
}

async function copyCode(from: string, to: string, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(from)) {
    try {
      await cp(join(from, name), join(to, name), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => {
          signal.throwIfAborted();
          return !isLeftOut(basename(path));
        },
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new CommandError(`Cannot read "${join(from, name)}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

async function install(tool: keyof typeof installers, cwd: string, io: CommandIo): Promise<void> {
  const line = installers[tool];
  const [command = '', ...args] = line.split(' ');
  io.stderr.write(`Installing dependencies with ${tool}\n`);
  const child = spawn(command, args, {
    cwd,
    env: io.env,
    signal: io.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    const code = await ended;
    const [stdout, stderr] = await outputs;
    if (code === 0) return;
    io.stderr.write(`${stdout}${stderr}`);
    throw new CommandError(
      `Cannot install the dependencies: "${line}" ended with exit code ${code}`,
    );
  } catch (error) {
    // The folder goes away next: nothing may write to it any more.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once('close', resolve));
    }
    io.signal.throwIfAborted();
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `Cannot install the dependencies: cannot run ${command}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
