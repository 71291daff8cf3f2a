import type { Change, Environment } from './environment.ts';
import type { History } from './history.ts';
import { encodePlace } from './layout.ts';

/** Log records that one step reads at least, to bound the time it blocks. */
const recordsPerStep = 512;

export interface SweepStep {
  readonly changes: readonly Change[];
  /** The revision up to which the log is now swept. */
  readonly swept: number;
}

/**
 * One step of compaction: removes what only reads below `target` could see.
 *
 * Each write above the last swept revision, up to the target, makes its key's write before it
 * invisible; a deletion is also invisible itself, and its grave with it.
 */
export function sweepStep(env: Environment, history: History, target: number): SweepStep {
  const { log, graves } = env;
  const changes: Change[] = [];
  const from = env.counter('swept');
  let swept = target;
  let read = 0;
  let last = from;
  for (const { place, record } of history.records(from, target)) {
    if (read >= recordsPerStep && place.revision !== last) {
      swept = last;
      break;
    }
    read += 1;
    last = place.revision;
    const { link, kind } = record;
    if (link !== undefined) changes.push({ table: log, key: encodePlace(link), value: undefined });
    if (kind === 'put') continue;
    changes.push({ table: log, key: encodePlace(place), value: undefined });
    const key = Buffer.from(record.key);
    if (history.grave(key)?.revision !== place.revision) continue;
    changes.push({ table: graves, key, value: undefined });
  }
  return { changes: [...changes, env.counterChange('swept', swept)], swept };
}
