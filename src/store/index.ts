export type {
  CommitResult,
  Entry,
  RangeRequest,
  RangeResult,
  ReadOptions,
  Store,
  StoreBatch,
  StoreEvent,
  Transaction,
  WatchRequest,
  Write,
} from './store.ts';
export { CompactedError, FutureRevisionError, SlowWatcherError, StoreBusyError } from './store.ts';
export { prefixRange } from './key.ts';
export { openMemoryStore, type MemoryStoreOptions } from './memory/memory-store.ts';
export { openLmdbStore, type LmdbStoreOptions } from './lmdb/open-lmdb-store.ts';
export type { WatchLimits } from './watch-hub.ts';
