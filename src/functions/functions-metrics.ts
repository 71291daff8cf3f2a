import type { ReplicaSet } from '../api/index.ts';
import { Exposition, labelPairs } from '../lib/exposition.ts';
import { Histogram } from '../lib/histogram.ts';
import { InvocationsMetrics } from './async/invocations-metrics.ts';
import type { ScaleStep } from './autoscaler/scale-plan.ts';
import { functionOf, revisionOf } from './roles.ts';
import type { PoolFigures } from './warm-pool/pool.ts';

/** What the autoscaler knows of a function that is awake. */
export interface DemandFigures {
  /** `namespace/name`. */
  readonly key: string;
  /** Requests in flight and held, at all gateways. */
  readonly requests: number;
  readonly panicking: boolean;
}

/** Who is asked at the moment of writing, while this process is the one that acts. */
export interface FigureSources {
  readonly gateways: () => number;
  readonly demand: () => readonly DemandFigures[];
  readonly pools: () => readonly PoolFigures[];
  readonly sets: () => readonly ReplicaSet[];
}

/** Seconds; a poke should be answered by a write within milliseconds. */
const pokeBounds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];
/** Pokes whose write is waited for; beyond that they are counted and not timed. */
const pendingLimit = 10_000;
const steps: readonly ScaleStep['kind'][] = ['raise', 'lower', 'drain', 'keep'];

/**
 * What scaling has done and sees, as Prometheus text.
 *
 * Counters last as long as the process; what is asked of others is there while it acts (`serve`).
 */
export class FunctionsMetrics {
  readonly #steps = new Map<ScaleStep['kind'], number>(steps.map((step) => [step, 0]));
  readonly #pokeToScale = new Histogram(pokeBounds);
  /** When a function was poked that has not been scaled since; monotonic milliseconds. */
  readonly #pokedAt = new Map<string, number>();
  readonly invocations = new InvocationsMetrics();
  #pokes = 0;
  #sources: FigureSources | undefined;

  /** Whom to ask from now on; undefined when this process no longer acts. */
  serve(sources: FigureSources | undefined): void {
    this.#sources = sources;
    if (sources === undefined) this.#pokedAt.clear();
  }

  /** A gateway has poked; `key` is a function's or, with `@revision`, that of one of its revisions. */
  poked(key: string, nowMs: number): void {
    this.#pokes += 1;
    const at = key.indexOf('@');
    const name = at < 0 ? key : key.slice(0, at);
    if (!this.#pokedAt.has(name) && this.#pokedAt.size < pendingLimit) {
      this.#pokedAt.set(name, nowMs);
    }
  }

  /** A step has been written. */
  stepped(key: string, kind: ScaleStep['kind'], nowMs: number): void {
    this.#steps.set(kind, (this.#steps.get(kind) ?? 0) + 1);
    const pokedAt = this.#pokedAt.get(key);
    if (kind !== 'raise' || pokedAt === undefined) return;
    this.#pokeToScale.observe((nowMs - pokedAt) / 1000);
    this.#pokedAt.delete(key);
  }

  /** The function was looked at, and nothing is left to be done for it. */
  settled(key: string): void {
    this.#pokedAt.delete(key);
  }

  text(): string {
    const out = new Exposition();
    const sources = this.#sources;
    const stepsTotal = 'nought_autoscaler_steps_total';
    const pokeToScale = 'nought_autoscaler_poke_to_scale_seconds';
    out
      .single(
        'nought_autoscaler_active',
        'gauge',
        'Whether this process is the one that scales',
        sources === undefined ? 0 : 1,
      )
      .single('nought_autoscaler_pokes_total', 'counter', 'Pokes of gateways', this.#pokes)
      .family(stepsTotal, 'counter', 'Scaling steps that were written');
    for (const [step, count] of this.#steps) out.sample(stepsTotal, labelPairs({ step }), count);
    out
      .family(pokeToScale, 'histogram', 'Time from a poke until more replicas were written')
      .histogram(pokeToScale, '', this.#pokeToScale);
    if (sources !== undefined) writeSources(out, sources);
    return out.take() + this.invocations.text();
  }
}

function writeSources(out: Exposition, sources: FigureSources): void {
  out.single(
    'nought_autoscaler_gateways',
    'gauge',
    'Gateways that are connected',
    sources.gateways(),
  );
  const demand = sources.demand().map((each) => ({ each, labels: functionLabels(each.key) }));
  const family = <T>(
    name: string,
    help: string,
    from: readonly { readonly each: T; readonly labels: string }[],
    value: (each: T) => number,
  ): void => {
    out.family(name, name.endsWith('_total') ? 'counter' : 'gauge', help);
    for (const { each, labels } of from) out.sample(name, labels, value(each));
  };
  family(
    'nought_autoscaler_demand',
    'Calls in flight and held, of functions that are awake',
    demand,
    ({ requests }) => requests,
  );
  family(
    'nought_autoscaler_panic',
    'Whether a function is in panic, of those that are awake',
    demand,
    ({ panicking }) => (panicking ? 1 : 0),
  );
  const sets = sources
    .sets()
    .flatMap((each) => (isUp(each) ? [{ each, labels: setLabels(each) }] : []));
  family(
    'nought_autoscaler_desired_replicas',
    'Pods that are wanted of a revision; none for those at zero',
    sets,
    ({ spec }) => spec.replicas ?? 1,
  );
  family(
    'nought_autoscaler_ready_replicas',
    'Pods of a revision that are ready; none for those at zero',
    sets,
    ({ status }) => status?.readyReplicas ?? 0,
  );
  const pools = sources.pools().map((each) => {
    const { namespace, runtime } = each;
    return { each, labels: labelPairs({ namespace, runtime }) };
  });
  family('nought_warm_pool_wanted', 'Pods that a pool should have', pools, ({ wanted }) => wanted);
  family('nought_warm_pool_ready', 'Pods that can be claimed', pools, ({ ready }) => ready);
  family('nought_warm_pool_claimed_total', 'Pods claimed', pools, ({ claimed }) => claimed);
  family(
    'nought_warm_pool_missed_total',
    'Pods that were needed when the pool had none',
    pools,
    ({ missed }) => missed,
  );
  family(
    'nought_warm_pool_spoiled_total',
    'Pods that were claimed and did not take the code',
    pools,
    ({ spoiled }) => spoiled,
  );
}

function isUp({ spec, status }: ReplicaSet): boolean {
  return spec.replicas !== 0 || (status?.replicas ?? 0) > 0;
}

function functionLabels(key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return labelPairs({ namespace, function: name });
}

function setLabels(set: ReplicaSet): string {
  return `${functionLabels(functionOf(set))},${labelPairs({ revision: revisionOf(set) })}`;
}
