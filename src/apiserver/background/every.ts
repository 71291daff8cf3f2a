import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';

interface EveryOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly periodMs: number;
  /** For the log, when it fails. */
  readonly name: string;
}

/** Does a piece of work again and again until the signal aborts; a failure waits for the next time. */
export async function every(
  { clock, log, periodMs, name }: EveryOptions,
  signal: AbortSignal,
  work: () => Promise<void> | void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(periodMs, signal);
      await work();
    } catch (error) {
      if (!signal.aborted)
        log.warn(`${name} failed and will be repeated`, { error: String(error) });
    }
  }
}
