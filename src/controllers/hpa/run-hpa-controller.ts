import { type HorizontalPodAutoscaler, names, syncPeriodMs } from '../../api/index.ts';
import { createInformer, EventRecorder, refs } from '../../client/index.ts';
import { WorkQueue } from '../../lib/work-queue.ts';
import { type ControllerContext, keyOf, parseKey } from '../context.ts';
import { runWhenSynced } from '../run-when-synced.ts';
import { HpaSync } from './hpa-sync.ts';
import { Schedule } from './schedule.ts';

export interface HpaControllerOptions extends ControllerContext {
  /** Of HorizontalPodAutoscalers that do not say otherwise by their annotation. */
  readonly syncPeriodMs: number;
}

/** Decisions that are worked out at once; the others wait for their turn. */
const workers = 16;
/** Nobody waits longer for the first decision after a start. */
const longestSpreadMs = 15_000;

/**
 * The controller of HorizontalPodAutoscalers: each decides at its own interval, from its own clock.
 *
 * Owns one clock for each, and what each remembers of its decisions.
 *
 * Invariants:
 * 1. One HorizontalPodAutoscaler decides once at a time, and never between its turns: neither a change
 *    of its spec nor of its target is a turn.
 * 2. A decision that fails is not repeated before the next turn.
 */
export async function runHpaController(
  options: HpaControllerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, informers } = options;
  const log = options.log.child({ controller: 'horizontal-pod-autoscaler' });
  const hpas = createInformer({
    resource: client.resource(refs.horizontalpodautoscalers),
    clock,
    log,
  });
  const events = new EventRecorder({ ...options, log, component: 'horizontal-pod-autoscaler' });
  const sync = new HpaSync({ ...options, log }, events);
  const schedule = new Schedule(clock);
  const periodOf = ({ metadata }: HorizontalPodAutoscaler): number => {
    const own = metadata.annotations?.[names.annotation.syncPeriod];
    return (own === undefined ? undefined : syncPeriodMs(own)) ?? options.syncPeriodMs;
  };
  const queue = new WorkQueue({ clock, log, concurrency: workers }, async (key) => {
    const hpa = hpas.get(parseKey(key));
    if (hpa === undefined || hpa.metadata.deletionTimestamp !== undefined) return;
    try {
      await sync.sync(hpa, periodOf(hpa));
    } catch (error) {
      log.warn('A decision failed', { key, error: String(error) });
    }
  });
  const plan = (hpa: HorizontalPodAutoscaler): void => {
    const periodMs = periodOf(hpa);
    schedule.set(keyOf(hpa), periodMs, firstTurnMs(hpa, periodMs));
  };
  const forget = (hpa: HorizontalPodAutoscaler): void => {
    schedule.delete(keyOf(hpa));
    sync.forget(hpa);
  };
  await runWhenSynced(
    {
      copies: [informers.pods, informers.replicasets],
      tasks: [
        (running) => hpas.run(running),
        (running) => events.run(running),
        (running) => queue.run(running),
        (running) => schedule.run((key) => queue.add(key), running),
      ],
      removers: [hpas.handle({ added: plan, updated: plan, deleted: forget })],
    },
    signal,
  );
}

/**
 * A new one decides at once. Those that are found at a start do so spread over their period, so that
 * a thousand of them are not due at the same moment for ever.
 */
function firstTurnMs({ metadata, status }: HorizontalPodAutoscaler, periodMs: number): number {
  if (status?.conditions === undefined) return 0;
  const share = Number.parseInt((metadata.uid ?? '').slice(0, 8), 16) / 2 ** 32;
  return Number.isNaN(share) ? 0 : Math.min(longestSpreadMs, periodMs) * share;
}
