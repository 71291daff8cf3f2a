import type { Client } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import { createControllerInformers } from './context.ts';
import { runGarbageCollector } from './garbage-collector/run-garbage-collector.ts';
import { runHpaController } from './hpa/run-hpa-controller.ts';
import { Inventory } from './inventory.ts';
import { runNamespaceController } from './namespace/run-namespace-controller.ts';
import { runNodeLifecycle } from './node-lifecycle/run-node-lifecycle.ts';
import { runPodCollector } from './node-lifecycle/run-pod-collector.ts';
import { runReplicaSetController } from './replicaset/run-replicaset-controller.ts';
import { runTogether } from '../lib/run-together.ts';
import type { EarlyPlacement } from './scheduler/early-placement.ts';
import { runScheduler } from './scheduler/run-scheduler.ts';
import { runServiceAccountController } from './service-account/run-service-account-controller.ts';

export interface ControllersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** PEM for the ConfigMap kube-root-ca.crt of each namespace; none is kept without it. */
  readonly rootCa?: string;
  /** Asks the scheduler while it runs. */
  readonly placement?: EarlyPlacement;
  /** How long a node may be silent, or gone, before its pods are given up; 40 s when left out. */
  readonly nodeGraceMs?: number;
  /** How often HorizontalPodAutoscalers decide that do not say so themselves; 15 s when left out. */
  readonly hpaSyncPeriodMs?: number;
}

/** Upstream's, too. */
const defaultHpaSyncPeriodMs = 15_000;

/**
 * Runs all controllers of the embedded cluster until the signal aborts, over one shared set of
 * informers; rejects when one of them fails, after the others have stopped.
 */
export async function runControllers(
  options: ControllersOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, ids, log, rootCa, placement, nodeGraceMs } = options;
  const syncPeriodMs = options.hpaSyncPeriodMs ?? defaultHpaSyncPeriodMs;
  const informers = createControllerInformers({ client, clock, ids, log });
  const context = { client, clock, ids, log, informers };
  const inventory = new Inventory(context);
  const grace = nodeGraceMs === undefined ? {} : { graceMs: nodeGraceMs };
  const quarantine = nodeGraceMs === undefined ? {} : { quarantineMs: nodeGraceMs };
  const ca = rootCa === undefined ? {} : { rootCa };
  const early = placement === undefined ? {} : { placement };
  await runTogether(
    [
      ...Object.values(informers).map(
        (informer) => (running: AbortSignal) => informer.run(running),
      ),
      (running) => runReplicaSetController(context, running),
      (running) => runScheduler({ ...context, ...early }, running),
      (running) => runServiceAccountController({ ...context, ...ca }, running),
      (running) => runNodeLifecycle({ ...context, ...grace }, running),
      (running) => runPodCollector({ ...context, ...quarantine }, running),
      (running) => runHpaController({ ...context, syncPeriodMs }, running),
      (running) => inventory.run(running),
      (running) => runGarbageCollector({ ...context, inventory }, running),
      (running) => runNamespaceController({ ...context, inventory }, running),
    ],
    signal,
  );
}
