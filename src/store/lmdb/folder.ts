import { access, constants, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cannotOpen } from './open-error.ts';

const { R_OK, W_OK, X_OK } = constants;

/** What the system's error codes mean for a store, and what to do about them. */
const reasons: Readonly<Record<string, readonly [state: string, advice: string]>> = {
  EACCES: ['permission denied', 'give this user the right to read and write it'],
  EPERM: ['permission denied', 'give this user the right to read and write it'],
  EROFS: ['it is on a read-only file system', 'name a folder that can be written'],
  ENOTDIR: ['a part of its path is not a folder', 'name another folder'],
  EEXIST: ['it is not a folder', 'name another folder'],
  ENOSPC: ['the disk is full', 'make room on it'],
};

/**
 * Makes the folder, readable by this user alone, and checks that the store's files can be used.
 * A folder that it makes is on disk, as an entry of its parent, when it returns.
 */
export async function prepareFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, R_OK | W_OK | X_OK);
    if (made !== undefined) await syncParents(resolve(path), dirname(resolve(made)));
  } catch (error) {
    throw explain(path, error);
  }
  await checkFile(join(path, 'data.mdb'));
  await checkFile(join(path, 'lock.mdb'));
}

/** Makes sure that the folder's entries are on disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function syncParents(path: string, last: string): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      await syncFolder(folder);
    } catch (error) {
      // A parent may be writable and yet not readable; then it cannot be synchronized either.
      if (codeOf(error) !== 'EACCES') throw error;
    }
    if (folder === last || folder === dirname(folder)) return;
  }
}

async function checkFile(file: string): Promise<void> {
  try {
    if (!(await stat(file)).isFile()) throw cannotOpen(file, 'it is not a file', 'move it away');
    await access(file, R_OK | W_OK);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw explain(file, error);
  }
}

function explain(path: string, error: unknown): unknown {
  const reason = reasons[codeOf(error)];
  if (reason === undefined) return error;
  const [state, advice] = reason;
  return cannotOpen(path, state, advice, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
