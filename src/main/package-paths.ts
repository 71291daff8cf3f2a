import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the installed package: `src/main/` and `dist/main/` are both two below it. */
const root = new URL('../../', import.meta.url);

/** A file or folder that the package brings. */
export function packagePath(relative: string): string {
  return fileURLToPath(new URL(relative, root));
}

/** The module of a process beside this one, as source or as compiled. */
export function entryPath(name: string): string {
  const own = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(`./${name}${extname(own)}`, import.meta.url));
}

/** The function server for Node: its modules from the source tree, one file from the built package. */
export function nodeServerPath(): string {
  const built = extname(fileURLToPath(import.meta.url)) === '.js';
  return packagePath(built ? 'dist/runtimes/node/server.cjs' : 'runtimes/node/server.cjs');
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as {
    readonly version: string;
  };
  return version;
}
