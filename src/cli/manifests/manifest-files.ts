import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { CommandError, type CommandIo } from '../command.ts';

/** The text of one source of manifests, under the name that messages use for it. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

const extensions = ['.json', '.yaml', '.yml'];

/** What `-f` names, in order: a file, a folder (`recursive`: those in it too), a URL, or `-` for stdin. */
export async function readManifestFiles(
  names: readonly string[],
  recursive: boolean,
  io: CommandIo,
): Promise<readonly ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const name of names) {
    if (name === '-') files.push({ name: 'STDIN', text: await readText(io.stdin) });
    else if (/^https?:\/\//.test(name)) files.push({ name, text: await download(name, io.signal) });
    else files.push(...(await readPath(name, recursive, io.cwd)));
  }
  return files;
}

async function readPath(
  name: string,
  recursive: boolean,
  cwd: string,
): Promise<readonly ManifestFile[]> {
  const path = resolve(cwd, name);
  try {
    if (!(await stat(path)).isDirectory()) return [{ name, text: await readFile(path, 'utf8') }];
    const files: ManifestFile[] = [];
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = join(name, entry.name);
      const chosen = entry.isDirectory()
        ? recursive
        : extensions.some((extension) => entry.name.endsWith(extension));
      if (chosen) files.push(...(await readPath(inner, recursive, cwd)));
    }
    return files;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CommandError(
      missing
        ? `error: the path "${name}" does not exist`
        : `error: Cannot read "${name}": ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function download(url: string, signal: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { signal });
    if (answer.ok) return await answer.text();
    throw new Error(`${answer.status} ${answer.statusText}`);
  } catch (error) {
    throw new CommandError(`error: Cannot read "${url}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}
