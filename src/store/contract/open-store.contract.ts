import type { Store } from '../store.ts';
import type { WatchLimits } from '../watch-hub.ts';

/** Opens an empty store; the suite closes it. */
export type OpenStore = (options: { readonly watchLimits?: WatchLimits }) => Promise<Store>;
