import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  openSync,
  readSync,
  closeSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const standardFolders = ['/usr/local/bin', '/usr/bin'];
const leastMinor = 9;
const timeoutMs = 5000;

/**
 * The Python (3.9 or newer) that functions run on: the first of PATH that is a program itself and not
 * a script that looks for one, those first that pods with users of their own can reach.
 */
export async function findPython(path: string): Promise<string | undefined> {
  const folders = [...path.split(delimiter), ...standardFolders];
  const found = [...new Set(folders.flatMap((folder) => interpreter(join(folder, 'python3'))))];
  const ranked = [...found.filter(isReachable), ...found.filter((file) => !isReachable(file))];
  for (const file of ranked) {
    if (await isRecent(file)) return file;
  }
  return undefined;
}

/**
 * Leaves the compiled form of a folder's modules beside them, where that may be written: each start of
 * a Python pod would compile them anew, for 8 ms.
 */
export async function compilePython(python: string, folder: string): Promise<void> {
  const args = ['-S', '-E', '-m', 'compileall', '-q', folder];
  await run(python, args, { timeout: timeoutMs, env: {} }).catch(() => undefined);
}

function interpreter(file: string): string[] {
  try {
    accessSync(file, constants.X_OK);
    const real = realpathSync(file);
    const start = Buffer.alloc(2);
    const fd = openSync(real, 'r');
    readSync(fd, start);
    closeSync(fd);
    return start.toString('latin1') === '#!' ? [] : [real];
  } catch {
    return [];
  }
}

/** Whether users other than its owner can run a file. */
function isReachable(file: string): boolean {
  const everyone = 0o001;
  for (let at = file; ; at = dirname(at)) {
    if ((statSync(at).mode & everyone) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function isRecent(file: string): Promise<boolean> {
  try {
    const script = 'import sys; print(*sys.version_info[:2])';
    const { stdout } = await run(file, ['-S', '-E', '-c', script], { timeout: timeoutMs, env: {} });
    const [major, minor] = stdout.trim().split(' ').map(Number);
    return major === 3 && minor !== undefined && minor >= leastMinor;
  } catch {
    return false;
  }
}
