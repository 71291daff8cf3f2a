import { realpath } from 'node:fs/promises';
import type { Store } from '../store.ts';
import { defaultWatchLimits, type WatchLimits } from '../watch-hub.ts';
import { checkDataFile } from './data-file.ts';
import { prepareFolder, syncFolder } from './folder.ts';
import { cannotOpen } from './open-error.ts';

export interface LmdbStoreOptions {
  /** The store's own folder; made when it is not there. */
  readonly path: string;
  readonly watchLimits?: WatchLimits;
}

/** Folders open in this process, which LMDB's reader table cannot tell apart. */
const openFolders = new Set<string>();

/**
 * Opens the store in a folder, or makes it. The folder belongs to one process at a time.
 *
 * Throws when it is in use, cannot be written, is damaged, or was written by a newer nought.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  await prepareFolder(options.path);
  const path = await realpath(options.path);
  if (openFolders.has(path)) {
    throw cannotOpen(path, 'it is open in this process', 'close it there first');
  }
  openFolders.add(path);
  try {
    await checkDataFile(path);
    // Loaded only here: the native library costs every process that has it some 5 MB.
    const [{ openEnvironment }, { LmdbStore }] = await Promise.all([
      import('./environment.ts'),
      import('./lmdb-store.ts'),
    ]);
    const env = await openEnvironment(path);
    await syncOrClose(path, env);
    return new LmdbStore(env, options.watchLimits ?? defaultWatchLimits, () => {
      openFolders.delete(path);
    });
  } catch (error) {
    openFolders.delete(path);
    throw error;
  }
}

/** A new file is on disk only when its entry in the folder is. */
async function syncOrClose(path: string, env: { close(): Promise<void> }): Promise<void> {
  try {
    await syncFolder(path);
  } catch (error) {
    await env.close();
    throw error;
  }
}
