import { finishedConditions, type InvocationObject, parseGoDuration } from '../../api/index.ts';
import type { StatusChange } from './invocation-records.ts';
import type { Verdict } from './verdict.ts';

/** `spec` of an Invocation, resolved; milliseconds. */
export interface InvocationSettings {
  readonly retries: number;
  readonly backoffMs: number;
  readonly retentionMs: number;
}

export function invocationSettings({ spec }: InvocationObject): InvocationSettings {
  return {
    retries: spec.retries ?? 0,
    backoffMs: parseGoDuration(spec.backoff ?? '1s'),
    retentionMs: parseGoDuration(spec.retention ?? '1h'),
  };
}

/** When the next attempt is due: at once for a new one, and for one whose attempt was cut off. */
export function dueMs({ status = {} }: InvocationObject): number {
  if (status.phase === 'Running' || status.nextAttemptTime === undefined) return 0;
  return Date.parse(status.nextAttemptTime);
}

/**
 * An attempt begins. One that was cut off by the end of its executor is made again under its number,
 * since nobody knows how far it came.
 */
export function beginning({ status = {} }: InvocationObject, nowMs: number): StatusChange {
  const { phase, attempts = 0 } = status;
  return {
    phase: 'Running',
    attempts: phase === 'Running' ? Math.max(1, attempts) : attempts + 1,
    startTime: status.startTime ?? time(nowMs),
    nextAttemptTime: null,
  };
}

/** An attempt has ended. */
export function ending(
  { status = {} }: InvocationObject,
  verdict: Verdict,
  nowMs: number,
): StatusChange {
  const attempts = status.attempts ?? 1;
  const at = time(nowMs);
  switch (verdict.kind) {
    case 'succeeded':
      return {
        phase: 'Succeeded',
        finishTime: at,
        response: verdict.response,
        error: null,
        conditions: finishedConditions(
          'Succeeded',
          'Answered',
          `The function has answered ${verdict.response.status}`,
          at,
        ),
      };
    case 'failed': {
      const { reason, response, error } = verdict;
      const message = `${error.title}${error.detail === '' ? '' : `: ${error.detail}`}`;
      return {
        phase: 'Failed',
        finishTime: at,
        response: response ?? null,
        error,
        conditions: finishedConditions('Failed', reason, message, at),
      };
    }
    case 'again':
      return {
        phase: 'Pending',
        attempts: verdict.counted ? attempts : attempts - 1,
        nextAttemptTime: time(nowMs + verdict.afterMs),
        error: verdict.error,
      };
  }
}

/** Milliseconds since the epoch at which a finished invocation may go. */
export function keptUntilMs(invocation: InvocationObject): number {
  return finishedMs(invocation) + invocationSettings(invocation).retentionMs;
}

/** When it was finished; milliseconds since the epoch. */
export function finishedMs({ status, metadata }: InvocationObject): number {
  return Date.parse(status?.finishTime ?? metadata.creationTimestamp ?? '') || 0;
}

export function time(ms: number): string {
  return new Date(ms).toISOString();
}
