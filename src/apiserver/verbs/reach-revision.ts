import type { Engine } from '../engine.ts';
import { futureVersion } from '../refusals.ts';

/** How long a read waits for a revision that is not there yet (upstream's blockTimeout). */
const reachTimeoutMs = 3000;
const reachStepMs = 50;

/** Waits until the store has reached a revision. Throws StatusError 504 when it does not. */
export async function reachRevision(
  { store, clock }: Pick<Engine, 'store' | 'clock'>,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = clock.monotonic() + reachTimeoutMs;
  while (store.revision() < revision) {
    if (clock.monotonic() >= deadline) throw futureVersion(revision, store.revision());
    await clock.sleep(reachStepMs, signal);
  }
}
