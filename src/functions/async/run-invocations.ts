import type { FunctionObject } from '../../api/index.ts';
import {
  type Client,
  createInformer,
  type EventRecorder,
  type Informer,
  refs,
} from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { runTogether } from '../../lib/run-together.ts';
import {
  defaultExecutorLimits,
  type ExecutorLimits,
  InvocationExecutor,
  invocationIndexes,
} from './invocation-executor.ts';
import { InvocationRecords, withoutBodies } from './invocation-records.ts';
import type { InvocationsMetrics } from './invocations-metrics.ts';
import { AttemptSender } from './send-attempt.ts';

export interface InvocationsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  /** Run by the caller. */
  readonly functions: Informer<FunctionObject>;
  readonly gatewayUrl: string;
  readonly metrics: InvocationsMetrics;
  readonly limits?: Partial<ExecutorLimits> | undefined;
}

/**
 * Carries out asynchronous calls until the signal aborts.
 *
 * On a cluster that does not know the kind Invocation it waits for it.
 */
export async function runInvocations(
  options: InvocationsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, log, functions, gatewayUrl } = options;
  const limits = { ...defaultExecutorLimits, ...options.limits };
  const informer = createInformer({
    resource: client.resource(refs.invocations),
    clock,
    log,
    indexes: invocationIndexes,
    transform: withoutBodies,
  });
  using sender = new AttemptSender({
    gatewayUrl,
    connections: limits.attempts,
    now: () => clock.now(),
  });
  const records = new InvocationRecords(client, informer);
  const executor = new InvocationExecutor({
    ...options,
    records,
    sender,
    limits,
    random: Math.random,
  });
  const work = async (running: AbortSignal): Promise<void> => {
    try {
      await Promise.all([informer.synced(running), functions.synced(running)]);
    } catch (error) {
      if (running.aborted) return;
      throw error;
    }
    await executor.run(running);
  };
  await runTogether([(running) => informer.run(running), work], signal);
}
