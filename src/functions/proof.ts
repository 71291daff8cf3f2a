import type { Pod } from '../api/index.ts';
import { isLive, isReady } from './roles.ts';

/** How long a proven revision waits for as many pods as its calls need before it takes them. */
export const takeOverPatienceMs = 10_000;

/**
 * In how many milliseconds a revision with these ready pods, one at least, takes calls that need
 * `needed` pods: 0 for now.
 */
export function takesOverInMs(ready: readonly Pod[], needed: number, nowMs: number): number {
  if (ready.length >= needed) return 0;
  return Math.max(0, readyMs(ready) + takeOverPatienceMs - nowMs);
}

export function isServing(pod: Pod): boolean {
  return isLive(pod) && isReady(pod);
}

/** When the first of these pods became ready. */
function readyMs(pods: readonly Pod[]): number {
  const times = pods.map((pod) =>
    Date.parse(pod.status?.conditions?.find((it) => it.type === 'Ready')?.lastTransitionTime ?? ''),
  );
  return Math.min(...times.map((time) => (Number.isNaN(time) ? 0 : time)));
}
