import type { Store } from '../../store/index.ts';

/** The same store with some of its methods replaced. */
export function wrapStore(store: Store, replaced: Partial<Store>): Store {
  return {
    revision: () => store.revision(),
    compactedRevision: () => store.compactedRevision(),
    get: (key, options) => store.get(key, options),
    range: (request) => store.range(request),
    commit: (transaction) => store.commit(transaction),
    watch: (request) => store.watch(request),
    compact: (revision) => store.compact(revision),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    ...replaced,
  };
}
