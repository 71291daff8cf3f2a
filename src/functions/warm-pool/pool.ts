import { PoolSize } from './pool-size.ts';
import type { WarmRuntime } from './specialisation.ts';

/** What is known of the pool of one namespace and runtime. */
export interface Pool {
  /** `namespace/runtime`. */
  readonly key: string;
  readonly namespace: string;
  readonly runtime: WarmRuntime;
  readonly size: PoolSize;
  /** Before this, nothing is booted; monotonic. */
  restUntilMs: number;
  /** Since when it has been short of pods. */
  shortSinceMs: number | undefined;
  claimed: number;
  missed: number;
  spoiled: number;
}

/** How a pool fares, and what it was asked for since this process acts. */
export interface PoolFigures extends Readonly<
  Pick<Pool, 'namespace' | 'runtime' | 'claimed' | 'missed' | 'spoiled'>
> {
  readonly wanted: number;
  readonly ready: number;
}

export function newPool(key: string): Pool {
  const [namespace = '', runtime = ''] = key.split('/');
  return {
    key,
    namespace,
    runtime: runtime === 'python' ? 'python' : 'node',
    size: new PoolSize(),
    restUntilMs: 0,
    shortSinceMs: undefined,
    claimed: 0,
    missed: 0,
    spoiled: 0,
  };
}
