import { openLmdbStore, type LmdbStoreOptions } from '../lmdb/open-lmdb-store.ts';
import type { Store } from '../store.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An LMDB store in a folder that goes away when the store is closed. */
export async function openThrowawayStore(options: Omit<LmdbStoreOptions, 'path'>): Promise<Store> {
  const folder = await temporaryFolder();
  const store = await openLmdbStore({ ...options, path: folder.path });
  const close = store[Symbol.asyncDispose].bind(store);
  return Object.assign(store, {
    [Symbol.asyncDispose]: async () => {
      await close();
      await folder[Symbol.asyncDispose]();
    },
  });
}
