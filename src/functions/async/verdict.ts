import type { InvocationResponse } from '../../api/index.ts';
import { type BackOffOptions, backOffDelay } from '../../lib/back-off.ts';

/** What became of one attempt. */
export type AttemptOutcome =
  /** Something answered; `retryAfterMs` is what its Retry-After says. */
  | {
      readonly kind: 'answered';
      readonly response: InvocationResponse;
      readonly retryAfterMs: number | undefined;
    }
  /** The answer's body is larger than an Invocation can hold. */
  | { readonly kind: 'oversize'; readonly response: InvocationResponse }
  /** It may have reached the function, and no complete answer came. */
  | { readonly kind: 'broken'; readonly detail: string }
  /** It has not reached the function: the gateway was away, or full. */
  | {
      readonly kind: 'unreached';
      readonly detail: string;
      readonly retryAfterMs: number | undefined;
    };

export interface InvocationError {
  readonly title: string;
  readonly detail: string;
}

/** Why an invocation has failed for good: the reason of its condition `Failed`. */
export type FailureReason = 'RetriesExhausted' | 'Refused' | 'ResultTooLarge' | 'Expired';

/** What is to happen after an attempt. */
export type Verdict =
  | { readonly kind: 'succeeded'; readonly response: InvocationResponse }
  | {
      readonly kind: 'failed';
      readonly reason: FailureReason;
      readonly response: InvocationResponse | undefined;
      readonly error: InvocationError;
    }
  /** `counted` says whether this attempt was one of those that `retries` allows. */
  | {
      readonly kind: 'again';
      readonly afterMs: number;
      readonly counted: boolean;
      readonly error: InvocationError;
    };

export interface AttemptFacts {
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Attempts that may follow the first one. */
  readonly retries: number;
  readonly backoffMs: number;
  /** How long ago the invocation was accepted. */
  readonly ageMs: number;
  /** 0 … 1, for the jitter. */
  readonly random: number;
}

const backOff: Omit<BackOffOptions, 'initialMs'> = { maxMs: 300_000, factor: 2, jitter: 0.2 };
/** The longest wait that a Retry-After can ask for. */
const longestRetryAfterMs = 3_600_000;
/** When the gateway is away or full, attempts do not count; they end with the day. */
export const expiryMs = 24 * 3_600_000;

/** Answers below 500 that say: later, perhaps (RFC 9110 section 15.5.9, RFC 8470, RFC 6585). */
const retriable = new Set([408, 425, 429]);

/** Decides what follows an attempt. */
export function judge(outcome: AttemptOutcome, facts: AttemptFacts): Verdict {
  switch (outcome.kind) {
    case 'answered':
      return judgeAnswer(outcome.response, outcome.retryAfterMs, facts);
    case 'oversize':
      return {
        kind: 'failed',
        reason: 'ResultTooLarge',
        response: outcome.response,
        error: {
          title: 'Result too large',
          detail:
            'The function has answered, and more than the 512 KiB that an asynchronous result may have; store what is larger, and answer with a reference to it',
        },
      };
    case 'broken':
      return again({ title: 'No answer', detail: outcome.detail }, undefined, facts);
    case 'unreached':
      return notYet(outcome, facts);
  }
}

function judgeAnswer(
  response: InvocationResponse,
  retryAfterMs: number | undefined,
  facts: AttemptFacts,
): Verdict {
  const { status } = response;
  if (status < 400) return { kind: 'succeeded', response };
  const error = errorOf(response);
  if (status < 500 && !retriable.has(status)) {
    return { kind: 'failed', reason: 'Refused', response, error };
  }
  const verdict = again(error, retryAfterMs, facts);
  return verdict.kind === 'failed' ? { ...verdict, response } : verdict;
}

function again(
  error: InvocationError,
  retryAfterMs: number | undefined,
  facts: AttemptFacts,
): Verdict {
  const { attempt, retries } = facts;
  if (attempt > retries) {
    return { kind: 'failed', reason: 'RetriesExhausted', response: undefined, error };
  }
  return {
    kind: 'again',
    counted: true,
    afterMs: delayMs(attempt - 1, retryAfterMs, facts),
    error,
  };
}

function notYet(
  { detail, retryAfterMs }: AttemptOutcome & { readonly kind: 'unreached' },
  facts: AttemptFacts,
): Verdict {
  const error = { title: 'Not delivered yet', detail };
  if (facts.ageMs >= expiryMs) {
    return { kind: 'failed', reason: 'Expired', response: undefined, error };
  }
  return { kind: 'again', counted: false, afterMs: delayMs(0, retryAfterMs, facts), error };
}

function delayMs(
  failures: number,
  retryAfterMs: number | undefined,
  { backoffMs, random }: AttemptFacts,
): number {
  const delay = backOffDelay({ ...backOff, initialMs: backoffMs }, failures, random);
  return Math.max(delay, Math.min(retryAfterMs ?? 0, longestRetryAfterMs));
}

const detailLimit = 2000;

/** The words of an answer that is an error: of a problem document (RFC 9457), else its text. */
export function errorOf({ status, headers = [], body = '' }: InvocationResponse): InvocationError {
  const text = Buffer.from(body, 'base64').toString('utf8');
  const type = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value ?? '';
  const plain = { title: `Answered ${status}`, detail: text.trim().slice(0, detailLimit) };
  if (!/\bjson\b/i.test(type)) return plain;
  try {
    const problem = JSON.parse(text) as {
      readonly title?: unknown;
      readonly detail?: unknown;
    } | null;
    if (typeof problem?.title !== 'string') return plain;
    const detail = typeof problem.detail === 'string' ? problem.detail : '';
    return {
      title: `${status} ${problem.title}`.slice(0, 500),
      detail: detail.slice(0, detailLimit),
    };
  } catch {
    return plain;
  }
}
