import type { FunctionDemand } from '../api/index.ts';
import { refs } from '../client/index.ts';
import { abortable } from '../lib/wait.ts';
import { Activator } from './activator/activator.ts';
import { AsyncCalls } from './async/async-calls.ts';
import { CallList } from './call-list.ts';
import type { CallServices } from './call-services.ts';
import { DemandLink, type DemandSource } from './demand/demand-link.ts';
import { SharedSlots } from './slots/shared-slots.ts';
import { Fronts } from './fronts.ts';
import {
  defaultGatewayLimits,
  type GatewayOptions,
  type ResolvedGateway,
} from './gateway-options.ts';
import { RequestHandler } from './request-handler.ts';
import { Latecomers } from './routes/latecomers.ts';
import { Prober } from './routes/prober.ts';
import { RouteTable } from './routes/route-table.ts';
import type { Route } from './routes/route.ts';
import { type ScrapedGateway, Telemetry } from './telemetry/telemetry.ts';
import { gatewayWatches } from './watches.ts';
import { RecentClock } from './wire/recent-clock.ts';

/** How often deadlines are looked at. Nothing that could go on waits for it. */
const sweepMs = 100;
/** The same for idle connections to pods: of many functions that would be many looks for nothing. */
const idleSweepMs = 500;

/**
 * Runs one gateway until the signal aborts: first it lets what is in flight finish, bounded.
 *
 * It listens once it knows the functions and pods, so that a gateway that starts beside others never
 * answers wrongly. Rejects when it cannot listen.
 */
export async function runGateway(options: GatewayOptions, signal: AbortSignal): Promise<void> {
  const resolved = resolve(options);
  // The parts outlive the signal by the time that requests in flight are given.
  const inner = new AbortController();
  const gateway = new Gateway(resolved, inner.signal);
  const { functions, pods, leases } = resolved.informers;
  const work = [functions, pods, leases].map((informer) => informer.run(inner.signal));
  const stop = gateway.follow();
  try {
    await Promise.all([functions.synced(signal), pods.synced(signal)]);
    work.push(...gateway.start());
    await gateway.serveMetrics();
    resolved.onListening(...(await gateway.fronts.listen()));
    work.push(gateway.fronts.run(inner.signal));
    await abortable(Promise.all(work), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    await gateway.drain();
  } finally {
    stop();
    inner.abort(new Error('The gateway stops'));
    await gateway.close();
    await Promise.allSettled([...work, gateway.prober.settled(), gateway.asyncCalls.settled()]);
  }
}

function resolve(options: GatewayOptions): ResolvedGateway {
  return {
    reusePort: false,
    peers: false,
    trustForwarded: false,
    telemetry: {},
    random: Math.random,
    tls: undefined,
    ...options,
    clock: new RecentClock(options.clock),
    domain: (options.domain ?? 'localhost').toLowerCase(),
    limits: { ...defaultGatewayLimits, ...options.limits },
    informers: options.informers ?? gatewayWatches(options),
  };
}

/**
 * The parts of a gateway, wired together.
 *
 * Owns the calls that are under way and the sweep over all deadlines.
 */
class Gateway {
  readonly fronts: Fronts;
  readonly prober: Prober;
  readonly asyncCalls: AsyncCalls;
  readonly #options: ResolvedGateway;
  readonly #signal: AbortSignal;
  readonly #table: RouteTable;
  readonly #activator: Activator;
  readonly #link: DemandLink;
  readonly #slots: SharedSlots | undefined;
  readonly #telemetry: Telemetry;
  readonly #calls = new CallList();
  #stopping = false;

  constructor(options: ResolvedGateway, signal: AbortSignal) {
    const { clock, random, limits } = options;
    this.#options = options;
    this.#signal = signal;
    this.#telemetry = new Telemetry(options);
    this.#slots = options.peers
      ? new SharedSlots({
          clock,
          send: (message) => this.#link.tell(message),
          reconnect: () => this.#link.reconnect(),
          changed: (route) => this.#activator.changed(route),
        })
      : undefined;
    const slots = this.#slots;
    this.#link = new DemandLink({
      ...options,
      leases: options.informers.leases,
      source: this.#source(),
      claimed: (pod) => this.#table.introduce(pod),
      slots,
    });
    this.#activator = new Activator({
      clock,
      random,
      holdMs: limits.holdMs,
      poke: (route) => this.#link.poke(route.facts.key, () => route.demand.held),
      probe: (route) => this.prober.probe(route),
      drained: (mark) => this.#link.drained(mark),
      slots,
    });
    this.#table = new RouteTable({
      ...options.informers,
      clock,
      limits,
      changed: (route) => this.#activator.changed(route),
      drained: (mark) => this.#link.drained(mark),
      slots,
    });
    this.prober = new Prober(
      {
        clock,
        random,
        answered: (endpoint) => {
          const route = this.#table.routeOf(endpoint);
          if (route !== undefined) this.#activator.changed(route);
        },
      },
      signal,
    );
    this.asyncCalls = new AsyncCalls({
      ...options,
      functions: options.informers.functions,
      signal,
      maxWaitMs: limits.maxHoldMs,
      refused: (exchange, { status, kind }) => this.#telemetry.refused(exchange, status, kind),
      accepted: (exchange, status) => this.#telemetry.accepted(exchange, status),
    });
    this.fronts = this.#openFronts();
  }

  /** Keeps the routes up to date; returns a function that stops it. */
  follow(): () => void {
    return this.#table.follow();
  }

  /** Starts what goes on in the background. */
  start(): readonly Promise<void>[] {
    return [this.#link.run(this.#signal), this.#sweep()];
  }

  /** Opens the metrics' own address, if there is one. */
  async serveMetrics(): Promise<void> {
    await this.#telemetry.listen(this.#scraped());
  }

  /** Takes no more requests and lets those in flight finish, for the time of grace. */
  async drain(): Promise<void> {
    this.#stopping = true;
    this.#slots?.stop();
    for (const route of this.#table.routes()) this.#activator.stop(route);
    await this.fronts.drain(AbortSignal.timeout(this.#options.limits.drainGraceMs));
  }

  /** Closes all connections, of clients and to pods. */
  async close(): Promise<void> {
    await this.fronts[Symbol.asyncDispose]();
    for (const endpoint of this.#table.endpoints()) endpoint.connections.close();
    // With them the last calls have ended.
    await this.#telemetry[Symbol.asyncDispose]();
  }

  #openFronts(): Fronts {
    const options = this.#options;
    const { clock, limits } = options;
    const telemetry = this.#telemetry;
    const refused = (status: number): void => telemetry.malformed(status);
    const calls: CallServices = {
      clock,
      activator: this.#activator,
      dialTimeoutMs: limits.dialTimeoutMs,
      tunnelIdleMs: limits.tunnelIdleMs,
      quarantine: (route, endpoint, reason) => {
        if (endpoint.verdict.kind === 'quarantined') return;
        endpoint.verdict = { kind: 'quarantined', reason };
        this.#activator.changed(route);
        this.prober.probe(route);
        telemetry.quarantined(route);
        options.log.warn('A pod is out of the routes until it answers', {
          function: route.facts.key,
          pod: endpoint.facts.name,
          reason,
        });
      },
      ended: (call, record) => {
        this.#calls.remove(call);
        telemetry.ended(record);
      },
    };
    const handler = new RequestHandler({
      options,
      table: this.#table,
      latecomers: new Latecomers({
        functions: options.informers.functions,
        find: (key) => options.client.resource(refs.functions).find(key),
        clock,
        signal: this.#signal,
      }),
      calls,
      asyncCalls: this.asyncCalls,
      started: (call) => this.#calls.add(call),
      telemetry,
      isReady: () => !this.#stopping,
      metrics: () => telemetry.metrics(this.#scraped()),
    });
    return new Fronts(options, (exchange) => handler.handle(exchange), refused);
  }

  #source(): DemandSource {
    const routes = (): Iterable<Route> => this.#table.routes();
    return {
      samples: () => {
        const now = this.#options.clock.monotonic();
        const samples: FunctionDemand[] = [];
        for (const { demand, facts } of routes()) {
          const sample = demand.sample(facts.key, facts.idleMs, now);
          if (sample !== undefined) samples.push(sample);
        }
        this.#table.dropLeft();
        return samples;
      },
      waiting: () =>
        [...routes()]
          .filter(({ demand }) => demand.held > 0)
          .map(({ facts, demand }) => ({ function: facts.key, held: demand.held })),
      drained: () => this.#table.drained(),
    };
  }

  #scraped(): ScrapedGateway {
    const link = this.#link;
    return {
      traffic: this.fronts.traffic,
      get autoscalerConnected() {
        return link.connected;
      },
      routes: () => this.#table.routes(),
    };
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#options;
    const signal = this.#signal;
    let idleSweepAt = 0;
    while (!signal.aborted) {
      await clock.sleep(sweepMs, signal).catch(() => undefined);
      const now = clock.monotonic();
      this.fronts.sweep(now);
      this.#calls.sweep(now);
      this.#slots?.sweep(now);
      this.#table.sweep(now);
      this.#activator.sweep(now);
      if (now < idleSweepAt) continue;
      idleSweepAt = now + idleSweepMs;
      for (const endpoint of this.#table.endpoints()) endpoint.connections.sweep(now);
    }
  }
}
