import {
  type FunctionObject,
  type InvocationObject,
  isFinished,
  isStatus,
  StatusError,
} from '../../api/index.ts';
import {
  type Client,
  type EventRecorder,
  type Informer,
  type ObjectKey,
  refs,
} from '../../client/index.ts';
import { BackOff } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { type ReconcileResult, WorkQueue } from '../../lib/work-queue.ts';
import { settingsOf } from '../settings.ts';
import { deadLettered, deadLetterOf, owedDeadLetter, withDeadLettered } from './dead-letter.ts';
import { FairQueue } from './fair-queue.ts';
import type { InvocationsMetrics } from './invocations-metrics.ts';
import { bodySize, type InvocationRecords } from './invocation-records.ts';
import {
  beginning,
  dueMs,
  ending,
  finishedMs,
  invocationSettings,
  keptUntilMs,
  time,
} from './invocation-status.ts';
import { type AttemptSender, waitForPodMs } from './send-attempt.ts';
import { judge, type Verdict } from './verdict.ts';

export interface InvocationExecutorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly functions: Informer<FunctionObject>;
  readonly records: InvocationRecords;
  readonly sender: Pick<AttemptSender, 'send'>;
  readonly limits: ExecutorLimits;
  readonly metrics: InvocationsMetrics;
  readonly random: () => number;
}

export interface ExecutorLimits {
  /** Attempts at a time. */
  readonly attempts: number;
  /** Attempts of one function at a time, if its pods can take as many. */
  readonly attemptsPerFunction: number;
  /** Finished invocations of one function that are kept; the oldest go first. */
  readonly finishedPerFunction: number;
  /** Characters of their bodies in base64. */
  readonly finishedSizePerFunction: number;
}

export const defaultExecutorLimits: ExecutorLimits = {
  attempts: 256,
  attemptsPerFunction: 64,
  finishedPerFunction: 1000,
  finishedSizePerFunction: 128 * 1024 * 1024,
};

/** By which part there may be more finished ones than the limit: then many go at a time. */
const slack = 0.1;
/** Invocations that are looked at at a time; attempts are counted apart. */
const concurrency = 8;
/** What an answer may take beside the wait for a pod and the function's own timeout. */
const transferMs = 10_000;
const failedAttemptRetryMs = 1000;
/** One for all: an error of its own per finished invocation costs more than the rest of its end. */
const cancelled = new Error('The invocation was cancelled');
/** How often a dead letter whose Function is missing is tried again. */
const missingFunctionRetryMs = 10_000;

/**
 * Carries out invocations: calls the gateway when they are due, repeats what failed, hands over dead
 * letters, and removes what was kept long enough.
 *
 * Owns the status of Invocations, except that others may set the phase Cancelled.
 *
 * Invariants:
 * 1. One attempt of an invocation is under way at a time.
 * 2. A finished invocation never changes its phase: whose write comes second gives way.
 * 3. An attempt is on record before it begins, its outcome before anything else happens to the
 *    invocation. What is Running without an attempt here was cut off, and is begun anew.
 * 4. A failed invocation is removed only after its dead letter was made, or its time is up.
 */
export class InvocationExecutor {
  readonly #options: InvocationExecutorOptions;
  readonly #queue: WorkQueue;
  readonly #due: FairQueue<string>;
  readonly #attempts = new Map<
    string,
    { readonly stop: AbortController; readonly ended: Promise<void> }
  >();
  /** Functions whose oldest finished invocations are being removed. */
  readonly #trimmed = new Set<string>();
  #signal = AbortSignal.abort();

  constructor(options: InvocationExecutorOptions) {
    const { clock, log, limits } = options;
    this.#options = options;
    this.#queue = new WorkQueue({ clock, log, concurrency }, (key) => this.#reconcile(key));
    this.#due = new FairQueue({
      total: limits.attempts,
      limit: (group) => this.#roomOf(group),
      take: (key, group) => this.#take(key, group),
    });
  }

  /** Works until the signal aborts; then attempts are cut off, and the next executor makes them again. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { records, functions, metrics } = this.#options;
    metrics.serve(() => records.informer.list());
    const stopForgetting = functions.handle({
      deleted: ({ metadata }) => metrics.forget(`${metadata.namespace ?? ''}/${metadata.name}`),
    });
    const stopHandling = records.informer.handle({
      added: (invocation) => this.#queue.add(keyOf(invocation)),
      updated: (invocation) => {
        if (isFinished(invocation)) this.#cancel(invocation);
        this.#queue.add(keyOf(invocation));
      },
      deleted: (invocation) => this.#cancel(invocation),
    });
    try {
      await this.#queue.run(signal);
    } finally {
      metrics.serve(undefined);
      stopForgetting();
      stopHandling();
      for (const { stop } of this.#attempts.values()) stop.abort(new Error('The executor stops'));
      await Promise.all([...this.#attempts.values()].map(({ ended }) => ended));
    }
  }

  /** Somebody else has finished or removed it. */
  #cancel(invocation: InvocationObject): void {
    const key = keyOf(invocation);
    this.#due.drop(key, groupOf(invocation));
    this.#attempts.get(key)?.stop.abort(cancelled);
  }

  async #reconcile(key: string): Promise<ReconcileResult | void> {
    const { clock, records } = this.#options;
    const invocation = records.latest(objectKey(key));
    if (invocation === undefined || invocation.metadata.deletionTimestamp !== undefined) return;
    if (isFinished(invocation)) return this.#retire(invocation);
    if (this.#attempts.has(key)) return;
    const waitMs = dueMs(invocation) - clock.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    this.#due.add(key, groupOf(invocation));
  }

  #roomOf(group: string): number {
    const { functions, limits } = this.#options;
    if (this.#signal.aborted) return 0;
    const fn = functions.get(objectKey(group));
    if (fn === undefined) return 1;
    const { max, perPod } = settingsOf(fn.spec);
    return Math.min(limits.attemptsPerFunction, max * perPod);
  }

  #take(key: string, group: string): void {
    const stop = new AbortController();
    this.#attempts.set(key, { stop, ended: this.#turn(key, group, stop.signal) });
  }

  /** One turn of an invocation; never rejects. */
  async #turn(key: string, group: string, signal: AbortSignal): Promise<void> {
    // The queue that hands it out is not to be called back from within.
    await Promise.resolve();
    let againMs = 0;
    try {
      await this.#attempt(key, signal);
    } catch (error) {
      if (!signal.aborted) {
        againMs = failedAttemptRetryMs;
        const { log } = this.#options;
        log.warn('An attempt could not be made', { invocation: key, error: String(error) });
      }
    }
    this.#attempts.delete(key);
    this.#due.done(group);
    // Also when it was cut off: another invocation may have the name by now.
    this.#queue.addAfter(key, againMs);
  }

  async #attempt(key: string, signal: AbortSignal): Promise<void> {
    const { clock, records, sender, random } = this.#options;
    const known = records.latest(objectKey(key));
    if (known === undefined) return;
    const begun = await records.write(known, (now) =>
      isFinished(now) ? undefined : beginning(now, clock.now()),
    );
    if (begun === undefined) return;
    signal.throwIfAborted();
    const number = begun.status?.attempts ?? 1;
    const timeoutMs = this.#timeoutMs(begun);
    const outcome = await sender.send({ invocation: begun, number, timeoutMs, signal });
    const { retries, backoffMs } = invocationSettings(begun);
    const ageMs = clock.now() - Date.parse(begun.metadata.creationTimestamp ?? '');
    const verdict = judge(outcome, {
      attempt: number,
      retries,
      backoffMs,
      ageMs,
      random: random(),
    });
    this.#options.metrics.judged(groupOf(begun), verdict, ageMs);
    const written = await this.#conclude(begun, verdict, signal);
    if (written?.status?.phase === 'Failed') this.#tell(written);
  }

  /** Records what came of an attempt, however long the API server may be away. */
  async #conclude(
    begun: InvocationObject,
    verdict: Verdict,
    signal: AbortSignal,
  ): Promise<InvocationObject | undefined> {
    const { clock, records, log } = this.#options;
    const backOff = new BackOff();
    for (let judged = verdict; ;) {
      try {
        return await records.write(begun, (now) =>
          isFinished(now) ? undefined : ending(now, judged, clock.now()),
        );
      } catch (error) {
        signal.throwIfAborted();
        const refused = error instanceof StatusError && [400, 413, 422].includes(error.code);
        if (refused && judged.kind === 'failed' && judged.response === undefined) throw error;
        if (refused) judged = unfit(error);
        const invocation = keyOf(begun);
        log.warn('A result could not be recorded yet', { invocation, error: String(error) });
        await clock.sleep(backOff.next(), signal);
      }
    }
  }

  #timeoutMs({ metadata, spec }: InvocationObject): number {
    const namespace = metadata.namespace ?? '';
    const fn = this.#options.functions.get({ namespace, name: spec.functionRef.name });
    const ownMs = fn === undefined ? 0 : settingsOf(fn.spec).timeoutMs;
    return waitForPodMs + ownMs + transferMs;
  }

  #tell(invocation: InvocationObject): void {
    const { error, attempts } = invocation.status ?? {};
    const words = [error?.title, error?.detail].filter((word) => word !== undefined && word !== '');
    this.#options.events.report(invocation, {
      type: 'Warning',
      reason: 'InvocationFailed',
      message: `Failed for good at attempt ${attempts}: ${words.join(': ')}`,
    });
  }

  async #retire(invocation: InvocationObject): Promise<ReconcileResult | void> {
    const { clock, records } = this.#options;
    const leftMs = keptUntilMs(invocation) - clock.now();
    const deadLetter = owedDeadLetter(invocation);
    const handed = deadLetter === undefined || (await this.#handOver(invocation, deadLetter));
    if (leftMs <= 0) return records.remove(invocation);
    await this.#makeRoom(groupOf(invocation));
    return { requeueAfterMs: handed ? leftMs : Math.min(leftMs, missingFunctionRetryMs) };
  }

  /** Makes the dead letter; false when its Function does not exist. */
  async #handOver(invocation: InvocationObject, deadLetter: string): Promise<boolean> {
    const { client, functions, records, events, clock } = this.#options;
    const { namespace = '', name } = invocation.metadata;
    const fn = functions.get({ namespace, name: deadLetter });
    const lastTransitionTime = time(clock.now());
    if (fn === undefined || fn.metadata.deletionTimestamp !== undefined) {
      if (deadLettered(invocation.status?.conditions) !== undefined) return false;
      const message = `There is no Function "${deadLetter}" for the dead letter; create it while the invocation is kept`;
      const told = { status: 'False', reason: 'FunctionNotFound', message } as const;
      await records.write(invocation, (now) => ({
        conditions: withDeadLettered(now, { ...told, lastTransitionTime }),
      }));
      events.report(invocation, { type: 'Warning', reason: 'DeadLetterFailed', message });
      return false;
    }
    const whole = await records.find({ namespace, name });
    if (whole === undefined || whole.metadata.uid !== invocation.metadata.uid) return true;
    const letter = deadLetterOf(whole, fn);
    try {
      await client.resource(refs.invocations).create(letter);
    } catch (error) {
      // It was made before a crash.
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    this.#options.metrics.deadLettered(groupOf(whole));
    const message = `Handed over as invocation "${letter.metadata.name}"`;
    const told = { status: 'True', reason: 'HandedOver', message, lastTransitionTime } as const;
    await records.write(whole, (now) => ({ conditions: withDeadLettered(now, told) }));
    return true;
  }

  /** Removes the oldest of what is finished, when there is too much of it. */
  async #makeRoom(group: string): Promise<void> {
    const { records, limits } = this.#options;
    const finished = records.informer.byIndex('finished', group);
    if (this.#trimmed.has(group)) return;
    this.#trimmed.add(group);
    try {
      for (const one of surplus(finished, limits)) {
        if (owedDeadLetter(one) === undefined) await records.remove(one);
      }
    } finally {
      this.#trimmed.delete(group);
    }
  }
}

/** The oldest ones beyond the limits. */
function surplus(
  finished: readonly InvocationObject[],
  limits: ExecutorLimits,
): readonly InvocationObject[] {
  const most = limits.finishedPerFunction;
  let size = finished.reduce((sum, one) => sum + bodySize(one), 0);
  if (finished.length <= most * (1 + slack) && size <= limits.finishedSizePerFunction) return [];
  let count = finished.length;
  return finished
    .map((one) => ({ one, at: finishedMs(one) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one)
    .filter((one) => {
      const isSurplus = count > most || size > limits.finishedSizePerFunction;
      if (!isSurplus) return false;
      count -= 1;
      size -= bodySize(one);
      return true;
    });
}

/** The API server does not take the answer. */
function unfit(error: StatusError): Verdict {
  return {
    kind: 'failed',
    reason: 'ResultTooLarge',
    response: undefined,
    error: {
      title: 'Result cannot be kept',
      detail: `The function has answered, and the API server does not take the answer: ${error.message.slice(0, 500)}`,
    },
  };
}

function keyOf({ metadata }: InvocationObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** `namespace/name` of the Function. */
function groupOf({ metadata, spec }: InvocationObject): string {
  return `${metadata.namespace ?? ''}/${spec.functionRef.name}`;
}

function objectKey(key: string): Required<ObjectKey> {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** Indexes that the executor asks of its informer. */
export const invocationIndexes = {
  finished: (invocation: InvocationObject) => (isFinished(invocation) ? [groupOf(invocation)] : []),
} as const;
