import { access, constants, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Makes the folder, readable by this user alone, and checks that the store's files can be used. */
export async function prepareFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, R_OK | W_OK | X_OK);
  } catch (error) {
    throw explain(path, error);
  }
  await checkFile(join(path, 'data.mdb'));
  await checkFile(join(path, 'lock.mdb'));
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
