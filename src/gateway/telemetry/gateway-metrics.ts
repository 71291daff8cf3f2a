import { Exposition, labelPairs, type MetricType } from '../../lib/exposition.ts';
import type { Histogram } from '../../lib/histogram.ts';
import type { ProcessMetrics } from '../../lib/process-metrics.ts';
import type { CallRecord } from '../call-record.ts';
import type { Route } from '../routes/route.ts';
import type { FrontTraffic } from '../wire/front-traffic.ts';
import { type ColdStarts, FunctionSeries } from './function-series.ts';

/** What is asked at the moment of writing. */
export interface GatewayGauges {
  /** This gateway's name: one of several behind a port says by it which one it is. */
  readonly gateway: string;
  readonly traffic: FrontTraffic;
  readonly autoscalerConnected: boolean;
  readonly routes: () => Iterable<Route>;
  readonly process: ProcessMetrics;
  /** Families of other parts: whole, each with its heading. */
  readonly more: () => string;
}

/** So many functions are written in one turn of the event loop: calls must not wait for a scrape. */
const routesPerSlice = 100;

const coldPhases: readonly (readonly [phase: keyof ColdStarts, label: string])[] = [
  ['pod', ',phase="pod"'],
  ['boot', ',phase="boot"'],
  ['answer', ',phase="answer"'],
];

/**
 * What the gateway counts, as Prometheus text.
 *
 * Invariants:
 * 1. Series of a function live on its route and go with it: there are as many as functions, times a
 *    constant.
 * 2. A call costs a few array writes; all text is made when it is asked for.
 */
export class GatewayMetrics {
  readonly #refused = new Map<string, number>();
  #accepted = 0;

  /** A call has ended. */
  ended(call: CallRecord): void {
    const { route } = call.request;
    (route.series ??= new FunctionSeries()).ended(call);
  }

  quarantined(route: Route): void {
    (route.series ??= new FunctionSeries()).quarantines += 1;
  }

  /** A request was answered that was no call: malformed, or for no function. */
  refused(status: number, kind: string): void {
    const labels = labelPairs({ code: String(status), reason: kind });
    this.#refused.set(labels, (this.#refused.get(labels) ?? 0) + 1);
  }

  /** An asynchronous call was accepted. */
  accepted(): void {
    this.#accepted += 1;
  }

  /** The text in parts, between which other work may be done. */
  *write(gauges: GatewayGauges): Generator<string> {
    const out = new Exposition();
    this.#own(out, gauges);
    yield out.take();
    for (const family of functionFamilies) {
      out.family(family.name, family.type, family.help);
      let since = 0;
      for (const route of gauges.routes()) {
        if (route.removed) continue;
        family.write(out, route, labelsOf(route));
        since += 1;
        if (since % routesPerSlice === 0) yield out.take();
      }
    }
    yield out.take() + gauges.process.text() + gauges.more();
  }

  #own(out: Exposition, { gateway, traffic, autoscalerConnected }: GatewayGauges): void {
    const prefix = 'nought_gateway_';
    const counter = (name: string, help: string, value: number): void => {
      out.single(prefix + name, 'counter', help, value);
    };
    out
      .family(`${prefix}info`, 'gauge', 'Which gateway this is')
      .sample(`${prefix}info`, labelPairs({ gateway }), 1)
      .single(
        `${prefix}autoscaler_connected`,
        'gauge',
        'Whether the autoscaler gets the demand of this gateway',
        autoscalerConnected ? 1 : 0,
      )
      .single(`${prefix}connections`, 'gauge', 'Open client connections', traffic.open);
    counter('connections_accepted_total', 'Client connections taken', traffic.accepted);
    out.family(
      `${prefix}connections_refused_total`,
      'counter',
      'Client connections that were closed at once, as there were too many',
    );
    for (const [reason, count] of traffic.refused) {
      out.sample(`${prefix}connections_refused_total`, labelPairs({ reason }), count);
    }
    const { read, written } = traffic.bytes();
    counter('client_received_bytes_total', 'Bytes that came from clients, heads included', read);
    counter('client_sent_bytes_total', 'Bytes that were sent to clients, heads included', written);
    counter('invocations_accepted_total', 'Asynchronous calls that were accepted', this.#accepted);
    out.family(
      `${prefix}refused_total`,
      'counter',
      'Requests that reached no function, by status and reason',
    );
    for (const [labels, count] of this.#refused) {
      out.sample(`${prefix}refused_total`, labels, count);
    }
  }
}

interface FunctionFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly write: (out: Exposition, route: Route, labels: string) => void;
}

/** A family of which each function has one sample. */
function each(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (route: Route) => number | undefined,
): FunctionFamily {
  const write: FunctionFamily['write'] = (out, route, labels) => {
    const now = value(route);
    if (now !== undefined) out.sample(name, labels, now);
  };
  return { name, type, help, write };
}

function distribution(
  name: string,
  help: string,
  histogram: (series: FunctionSeries) => Histogram | undefined,
): FunctionFamily {
  const write: FunctionFamily['write'] = (out, { series }, labels) => {
    const found = series === undefined ? undefined : histogram(series);
    if (found !== undefined) out.histogram(name, labels, found);
  };
  return { name, type: 'histogram', help, write };
}

const requests = 'nought_gateway_requests_total';
const dropped = 'nought_gateway_dropped_total';
const phases = 'nought_gateway_cold_start_phase_seconds';

const functionFamilies: readonly FunctionFamily[] = [
  {
    name: requests,
    type: 'counter',
    help: 'Calls by status of the answer; 499 for clients that left before',
    write: (out, { series }, labels) => {
      for (const [code, count] of series?.codes() ?? []) {
        out.sample(requests, `${labels},code="${code}"`, count);
      }
    },
  },
  distribution(
    'nought_gateway_request_duration_seconds',
    'Time from the head of a call to the last byte of its answer',
    ({ latency }) => latency,
  ),
  distribution(
    'nought_gateway_first_byte_seconds',
    'Time from the head of a call to the head of the answer of its pod',
    ({ firstByte }) => firstByte,
  ),
  distribution(
    'nought_gateway_cold_start_seconds',
    'Time that calls waited which found no pod, until one took them',
    ({ cold }) => cold?.total,
  ),
  {
    name: phases,
    type: 'histogram',
    help: 'The same in parts: until a pod had an address, until it took calls, until it answered',
    write: (out, { series }, labels) => {
      if (series?.cold === undefined) return;
      for (const [phase, label] of coldPhases) {
        out.histogram(phases, labels + label, series.cold[phase]);
      }
    },
  },
  distribution(
    'nought_gateway_queue_seconds',
    'Time that calls waited which found all pods full, until one took them',
    ({ queue }) => queue,
  ),
  {
    name: dropped,
    type: 'counter',
    help: 'Calls that got no whole answer from a pod, by reason',
    write: (out, { series }, labels) => {
      for (const [reason, count] of series?.drops ?? []) {
        out.sample(dropped, `${labels},${labelPairs({ reason })}`, count);
      }
    },
  },
  each(
    'nought_gateway_retries_total',
    'counter',
    'Calls given to another pod, as no byte had reached the one before',
    ({ series }) => series?.retries,
  ),
  each(
    'nought_gateway_quarantines_total',
    'counter',
    'Pods taken out of the routes until they answer again',
    ({ series }) => series?.quarantines,
  ),
  each(
    'nought_gateway_request_body_bytes_total',
    'counter',
    'Bytes of the bodies of calls',
    ({ series }) => series?.bytesIn,
  ),
  each(
    'nought_gateway_response_body_bytes_total',
    'counter',
    'Bytes of the bodies of answers',
    ({ series }) => series?.bytesOut,
  ),
  each(
    'nought_gateway_in_flight',
    'gauge',
    'Calls that are with a pod',
    ({ demand }) => demand.inFlight,
  ),
  each('nought_gateway_held', 'gauge', 'Calls that wait for a pod', ({ demand }) => demand.held),
  each(
    'nought_gateway_held_bytes',
    'gauge',
    'Heads and bodies of the calls that wait',
    ({ holding }) => holding.bytes,
  ),
  each(
    'nought_gateway_routable_pods',
    'gauge',
    'Pods that may get calls',
    ({ routable }) => routable.length,
  ),
  each(
    'nought_function_replicas',
    'gauge',
    'Pods of the function, by its status',
    ({ facts }) => facts.replicas,
  ),
  each(
    'nought_function_ready_replicas',
    'gauge',
    'Pods of the function that are ready, by its status',
    ({ facts }) => facts.readyReplicas,
  ),
];

/** Names of Kubernetes objects need no escaping. */
function labelsOf({ facts }: Route): string {
  const { namespace, name, named } = facts;
  const revision = named === undefined ? '' : `,revision="${named}"`;
  return `namespace="${namespace}",function="${name}"${revision}`;
}
