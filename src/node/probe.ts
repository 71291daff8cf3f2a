import type { Container } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import { type Handler, parseHandler } from './handler.ts';
import type { HandlerOutcome } from './handler-call.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** A core/v1 Probe with its defaults; times in milliseconds. */
export interface Probe {
  readonly kind: ProbeKind;
  readonly handler: Handler;
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
  /** How long the container may take to end when the probe ends it; as the pod says when undefined. */
  readonly graceMs: number | undefined;
}

/**
 * Until its first success a container is asked more often than its period says, growing by half:
 * the first of these delays, and that of commands, which cost more.
 */
const firstDelayMs = 5;
const firstCommandDelayMs = 100;
const delayGrowth = 1.5;
/** The kubelet begins to ask about this long after the start: failures before that do not count. */
const leniencyMs = 1000;

/** A probe of a container; undefined when it has none of the kind. */
export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  const probe = container[`${kind}Probe`];
  if (probe === undefined) return undefined;
  const number = (key: string, fallback: number): number =>
    typeof probe[key] === 'number' ? probe[key] : fallback;
  const grace = number('terminationGracePeriodSeconds', 0) * 1000;
  return {
    kind,
    handler: parseHandler(probe, container),
    initialDelayMs: number('initialDelaySeconds', 0) * 1000,
    periodMs: Math.max(1, number('periodSeconds', 10)) * 1000,
    timeoutMs: Math.max(1, number('timeoutSeconds', 1)) * 1000,
    successThreshold: Math.max(1, number('successThreshold', 1)),
    failureThreshold: Math.max(1, number('failureThreshold', 3)),
    graceMs: grace === 0 ? undefined : grace,
  };
}

export interface ProbeLoop {
  readonly probe: Probe;
  readonly clock: Clock;
  /** When the container started, milliseconds since the epoch. */
  readonly startedAt: number;
  /** What was known before; undefined where that is neither good nor bad. */
  readonly known: boolean | undefined;
  /** Asks once; never rejects. */
  readonly ask: (signal: AbortSignal) => Promise<HandlerOutcome>;
  /** Called with each change; false ends the loop. */
  readonly changed: (good: boolean) => boolean;
  /** Called with each failure that counts. */
  readonly failed: (output: string) => void;
}

/**
 * Asks until the signal aborts or `changed` ends it, and reports each change.
 *
 * Liveness is asked by the period alone. The others are asked ahead of it too until the first
 * success, so that a container is ready as soon as it serves; failures of that do not count.
 */
export async function runProbe(loop: ProbeLoop, signal: AbortSignal): Promise<void> {
  try {
    await probing(loop, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function probing(loop: ProbeLoop, signal: AbortSignal): Promise<void> {
  const { probe, clock } = loop;
  const { initialDelayMs, periodMs } = probe;
  await clock.sleep(Math.max(0, loop.startedAt + initialDelayMs - clock.now()), signal);
  let eager = probe.kind !== 'liveness' && loop.known !== true;
  let delayMs = probe.handler.kind === 'exec' ? firstCommandDelayMs : firstDelayMs;
  let dueAt = clock.monotonic() + (eager ? Math.min(periodMs, leniencyMs) : 0);
  let known = loop.known;
  let last: boolean | undefined;
  let same = 0;
  for (;;) {
    const askedAt = clock.monotonic();
    const counts = askedAt >= dueAt;
    const { kind, output } = await loop.ask(signal);
    if (signal.aborted) return;
    const good = kind === 'success';
    if (good) eager = false;
    if (counts || good) {
      dueAt = askedAt + periodMs;
      same = good === last ? same + 1 : 1;
      last = good;
      if (!good) loop.failed(output);
      const threshold = good ? probe.successThreshold : probe.failureThreshold;
      if (same >= threshold && known !== good) {
        known = good;
        if (!loop.changed(good)) return;
      }
    }
    const leftMs = Math.max(0, dueAt - clock.monotonic());
    await clock.sleep(eager ? Math.min(leftMs, delayMs) : leftMs, signal);
    delayMs *= delayGrowth;
  }
}
