import type { ConfigMap, FunctionObject, Pod } from '../api/index.ts';
import { names } from '../api/index.ts';
import { type Client, createInformer, EventRecorder, holdLease, refs } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import { runTogether } from '../lib/run-together.ts';
import type { ExecutorLimits } from './async/invocation-executor.ts';
import { runInvocations } from './async/run-invocations.ts';
import { Autoscaler } from './autoscaler/autoscaler.ts';
import { type DemandServer, openDemandServer } from './autoscaler/demand-server.ts';
import { demandToken } from './autoscaler/demand-token.ts';
import { type Resolved, resolveFunction } from './blueprint.ts';
import { FunctionController } from './function-controller.ts';
import { FunctionObjects, objectIndexes } from './function-objects.ts';
import { FunctionsMetrics } from './functions-metrics.ts';
import { functionOf } from './roles.ts';
import { demandSink, SlotKeeper } from './slots/slot-keeper.ts';
import { poolOf } from './warm-pool/warm-pod.ts';
import { WarmPools } from './warm-pool/warm-pools.ts';

export interface FunctionsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Who acts, on the Lease: the same after a restart where only one can run, else one of its own. */
  readonly identity: string;
  /** The gateway as pods and callers reach it, without a slash at the end. */
  readonly gatewayUrl: string;
  /** Tag of the runtime images. */
  readonly runtimeVersion: string;
  /** Where gateways bring their demand; port 0 picks a free one. `advertise` is the host that they are told. */
  readonly listen: { readonly host: string; readonly port: number; readonly advertise?: string };
  /** How long a gateway may be away before its requests count as gone. */
  readonly gatewayGraceMs?: number;
  /** The names of all gateways, where they are known: hard limits are shared sooner after a start. */
  readonly gateways?: readonly string[];
  /** The most pods of one warm pool; 0 for none at all. */
  readonly warmPool?: number;
  /** Where scaling is counted; whoever made it asks it for text. */
  readonly metrics?: FunctionsMetrics;
  /** How much of asynchronous calls is done at a time, and kept. */
  readonly invocationLimits?: Partial<ExecutorLimits>;
}

type Running = FunctionsOptions &
  Required<Pick<FunctionsOptions, 'gatewayGraceMs' | 'warmPool' | 'metrics'>>;

/** Longer than the longest pause between a gateway's attempts to reconnect. */
const defaultGatewayGraceMs = 12_000;
const defaultWarmPool = 32;

/**
 * Runs the Function controller, the autoscaler and asynchronous calls until the signal aborts.
 *
 * Of all that run against one cluster exactly one acts: the holder of the Lease `nought-autoscaler`,
 * which tells gateways where to connect. Rejects when it cannot listen, or its own work fails.
 */
export async function runFunctions(options: FunctionsOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, ids, log, identity, listen } = options;
  const token = await demandToken(client, ids);
  await using server = await openDemandServer({ host: listen.host, port: listen.port, token, log });
  const host = listen.advertise ?? listen.host;
  const address = `${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  const running = {
    ...options,
    gatewayGraceMs: options.gatewayGraceMs ?? defaultGatewayGraceMs,
    warmPool: options.warmPool ?? defaultWarmPool,
    metrics: options.metrics ?? new FunctionsMetrics(),
  };
  await holdLease(
    {
      client,
      clock,
      log,
      identity,
      key: { namespace: names.systemNamespace, name: names.autoscaler },
      annotations: { [names.annotation.demandAddress]: address },
    },
    (term) => runTerm(running, server, term.signal),
    signal,
  );
}

/** One time of being the one that acts: everything that it knows begins and ends with it. */
async function runTerm(options: Running, server: DemandServer, signal: AbortSignal): Promise<void> {
  const { client, clock, ids, log, gatewayUrl, gatewayGraceMs, metrics } = options;
  const informers = functionInformers(options);
  const { functions, replicaSets, pods, configMaps } = informers;
  const objects = new FunctionObjects({ replicaSets, pods });
  const resolve = resolver(options);
  const events = new EventRecorder({ client, clock, ids, log, component: 'nought-functions' });
  const shared = { client, clock, log, functions, objects, resolve };
  const aside = poolInformers(options);
  const pools = new WarmPools({
    ...shared,
    ...aside,
    ids,
    placement: options,
    max: options.warmPool,
    tell: (pod) => server.tell({ kind: 'claimed', pod }),
  });
  const autoscaler: Autoscaler = new Autoscaler({
    ...shared,
    pools,
    metrics,
    gatewayGraceMs,
    onInvoked: (key) => controller.look(key),
  });
  const slots = new SlotKeeper({ ...shared, gateways: options.gateways });
  const demand = autoscaler;
  const controller = new FunctionController({ ...shared, events, configMaps, gatewayUrl, demand });
  const work = async (end: AbortSignal): Promise<void> => {
    const copies = Object.values(informers).map((informer) => informer.synced(end));
    if (!(await settles(Promise.all(copies), end))) return;
    server.serve(demandSink(autoscaler, slots));
    metrics.serve({
      gateways: () => autoscaler.gateways,
      demand: () => autoscaler.figures(),
      pools: () => pools.figures(),
      sets: () => replicaSets.list(),
    });
    try {
      await runTogether(
        [
          (it) => autoscaler.run(it),
          (it) => controller.run(it),
          (it) => pools.run(it),
          (it) => slots.run(it),
        ],
        end,
      );
    } finally {
      server.serve(undefined);
      metrics.serve(undefined);
    }
  };
  const watching = [...Object.values(informers), ...Object.values(aside)].map(
    (informer) => (end: AbortSignal) => informer.run(end),
  );
  const invocations = (end: AbortSignal): Promise<void> =>
    runInvocations(
      {
        ...options,
        events,
        functions,
        metrics: metrics.invocations,
        limits: options.invocationLimits,
      },
      end,
    );
  await runTogether([...watching, (end) => events.run(end), work, invocations], signal);
}

/** False when the signal aborted first. */
async function settles(wait: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  try {
    await wait;
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

function functionInformers({ client, clock, log }: Running) {
  const shared = { clock, log };
  const labelSelector = names.label.function;
  return {
    functions: createInformer({ ...shared, resource: client.resource(refs.functions) }),
    replicaSets: createInformer({
      ...shared,
      labelSelector,
      resource: client.resource(refs.replicasets),
      indexes: objectIndexes.replicaSets,
    }),
    pods: createInformer({
      ...shared,
      labelSelector,
      resource: client.resource(refs.pods),
      indexes: objectIndexes.pods,
    }),
    configMaps: createInformer({
      ...shared,
      labelSelector,
      resource: client.resource(refs.configmaps),
      indexes: { function: (map: ConfigMap) => [functionOf(map)] },
      transform: withoutData,
    }),
  };
}

/** What pools go by; nothing waits for these copies, and nodes may not be shown to us. */
function poolInformers({ client, clock, log }: Running) {
  return {
    poolPods: createInformer({
      clock,
      log,
      resource: client.resource(refs.pods),
      labelSelector: names.label.pool,
      indexes: { pool: (pod: Pod) => [poolOf(pod) ?? ''] },
    }),
    nodes: createInformer({ clock, log, resource: client.resource(refs.nodes) }),
  };
}

/** Code is written once and never read back: keeping it would double it in memory. */
function withoutData({ data: _data, binaryData: _binaryData, ...rest }: ConfigMap): ConfigMap {
  return rest;
}

const resolvedLimit = 10_000;

/** Resolves each generation of a Function once. */
function resolver({ gatewayUrl, runtimeVersion }: Running): (fn: FunctionObject) => Resolved {
  const known = new Map<string, { readonly generation: number; readonly resolved: Resolved }>();
  return (fn) => {
    const { uid = '', generation = 0 } = fn.metadata;
    const before = known.get(uid);
    if (before?.generation === generation) return before.resolved;
    const resolved = resolveFunction(fn, { gatewayUrl, runtimeVersion });
    known.delete(uid);
    known.set(uid, { generation, resolved });
    if (known.size > resolvedLimit) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return resolved;
  };
}
