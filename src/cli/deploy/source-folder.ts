import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CommandError, UsageError } from '../command.ts';

export type CodeRuntime = 'node' | 'python';

/** A folder of code and how it is to be run. */
export interface SourceFolder {
  readonly path: string;
  readonly name: string;
  readonly runtime: CodeRuntime;
  readonly handler: string;
  readonly dependencies: 'npm' | 'pip' | 'none';
}

export interface SourceWishes {
  readonly name: string | undefined;
  readonly runtime: string | undefined;
  readonly handler: string | undefined;
}

const handlerFiles = {
  node: ['index.js', 'index.mjs', 'index.ts', 'index.cjs'],
  python: ['main.py', 'handler.py'],
} as const;
const runtimeMarks = {
  node: ['package.json', ...handlerFiles.node],
  python: ['requirements.txt', ...handlerFiles.python],
} as const;
/** A Function's name is also a label's value and part of host names. */
const nameLimit = 63;

/** Looks at a folder; throws CommandError that names it for what cannot be deployed. */
export async function readSourceFolder(path: string, wishes: SourceWishes): Promise<SourceFolder> {
  const files = await listFolder(path);
  const runtime = chooseRuntime(path, files, wishes.runtime);
  return {
    path,
    name: wishes.name ?? nameOf(path),
    runtime,
    handler: await chooseHandler(path, files, { runtime, wish: wishes.handler }),
    dependencies: await dependenciesOf(path, files, runtime),
  };
}

async function listFolder(path: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'there is no such folder'
        : code === 'ENOTDIR'
          ? 'it is a file, expected a folder'
          : message;
    throw new CommandError(`Cannot deploy "${path}": ${why}`, { cause: error });
  }
  if (names.length === 0) throw new CommandError(`Cannot deploy "${path}": it has no files`);
  return names;
}

function chooseRuntime(
  path: string,
  files: readonly string[],
  wish: string | undefined,
): CodeRuntime {
  if (wish === 'node' || wish === 'python') return wish;
  if (wish !== undefined) {
    throw new UsageError(`Cannot use --runtime "${wish}": expected node or python`);
  }
  const node = runtimeMarks.node.filter((name) => files.includes(name));
  const python = runtimeMarks.python.filter((name) => files.includes(name));
  if (node.length > 0 && python.length > 0) {
    throw new CommandError(
      `Cannot tell the runtime of "${path}": it has ${[...node, ...python].join(', ')}; say --runtime node or --runtime python`,
    );
  }
  if (node.length > 0) return 'node';
  if (python.length > 0) return 'python';
  throw new CommandError(
    `Cannot tell the runtime of "${path}": it has no package.json, index.js, requirements.txt or main.py; say --runtime and --handler`,
  );
}

async function chooseHandler(
  path: string,
  files: readonly string[],
  { runtime, wish }: { readonly runtime: CodeRuntime; readonly wish: string | undefined },
): Promise<string> {
  const found =
    wish ??
    handlerFiles[runtime].find((name) => files.includes(name)) ??
    (runtime === 'node' ? await mainOf(path) : undefined);
  if (found === undefined) {
    throw new CommandError(
      `Cannot find the handler of "${path}": it has no ${handlerFiles[runtime].join(', ')}; say --handler FILE[:EXPORT]`,
    );
  }
  const colon = found.lastIndexOf(':');
  const file = colon === -1 ? found : found.slice(0, colon);
  const stats = await stat(join(path, file)).catch(() => undefined);
  if (stats?.isFile() !== true) {
    throw new CommandError(`Cannot deploy "${path}": the handler's file "${file}" is not in it`);
  }
  return found;
}

async function mainOf(path: string): Promise<string | undefined> {
  const { main } = await readPackageJson(path);
  return typeof main === 'string' ? main.replace(/^\.\//, '') : undefined;
}

async function dependenciesOf(
  path: string,
  files: readonly string[],
  runtime: CodeRuntime,
): Promise<SourceFolder['dependencies']> {
  if (runtime === 'python') return files.includes('requirements.txt') ? 'pip' : 'none';
  if (!files.includes('package.json')) return 'none';
  const { dependencies } = await readPackageJson(path);
  return Object.keys(Object(dependencies)).length > 0 ? 'npm' : 'none';
}

interface PackageJson {
  readonly main?: unknown;
  readonly dependencies?: unknown;
}

async function readPackageJson(path: string): Promise<PackageJson> {
  const file = join(path, 'package.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  try {
    return Object(JSON.parse(text)) as PackageJson;
  } catch (error) {
    throw new CommandError(`Cannot read "${file}": ${(error as Error).message}`, { cause: error });
  }
}

/** The folder's name as a DNS label. */
function nameOf(path: string): string {
  const name = basename(resolve(path))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, nameLimit)
    .replaceAll(/^-+|-+$/g, '');
  if (name === '') {
    throw new CommandError(`Cannot make a name of the folder "${path}": say --name NAME`);
  }
  return name;
}
