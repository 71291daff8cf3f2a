import type { KubeObject } from '../src/api/index.ts';
import type { Informer } from '../src/client/index.ts';
import { aborted } from '../src/lib/wait.ts';

/** An informer whose copy never changes. */
export function fixedInformer<T extends KubeObject>(objects: readonly T[]): Informer<T> {
  return {
    run: (signal) => aborted(signal),
    synced: () => Promise.resolve(),
    hasSynced: () => true,
    get: (key) => objects.find(({ metadata }) => metadata.name === key.name),
    list: () => objects,
    byIndex: () => [],
    handle: ({ added }) => {
      for (const object of objects) added?.(object);
      return () => undefined;
    },
  };
}
