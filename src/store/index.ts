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
export { CompactedError, FutureRevisionError, SlowWatcherError } from './store.ts';
