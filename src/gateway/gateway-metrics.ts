import type { CallOutcome } from './call-services.ts';
import type { Route } from './routes/route.ts';

/** Upper bounds of the latency buckets; seconds. */
const bounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** A histogram in Prometheus' sense. */
class Histogram {
  readonly #counts = new Float64Array(bounds.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  write(name: string, labels: string): string {
    let out = '';
    let total = 0;
    this.#counts.forEach((count, index) => {
      total += count;
      out += `${name}_bucket{${labels},le="${bounds[index] ?? '+Inf'}"} ${total}\n`;
    });
    return `${out}${name}_sum{${labels}} ${this.#sum}\n${name}_count{${labels}} ${total}\n`;
  }
}

class FunctionMetrics {
  readonly codes = new Map<number, number>();
  readonly latency = new Histogram();
  readonly cold = new Histogram();
}

/** What is measured at the moment of asking. */
export interface GatewayGauges {
  readonly connections: number;
  readonly autoscalerConnected: boolean;
  readonly routes: Iterable<Route>;
}

/**
 * What the gateway counts, as Prometheus text (version 0.0.4).
 *
 * Written by hand, since a call must cost a few array writes here and not a look-up by labels; bounded
 * by the number of functions, whose series go with them.
 */
export class GatewayMetrics {
  readonly #functions = new Map<string, FunctionMetrics>();
  readonly #refused = new Map<number, number>();

  /** A call has ended. */
  ended(outcome: CallOutcome): void {
    const { route, status, durationMs, coldMs } = outcome;
    if (route.removed) return;
    let metrics = this.#functions.get(route.facts.key);
    if (metrics === undefined) {
      metrics = new FunctionMetrics();
      this.#functions.set(route.facts.key, metrics);
    }
    metrics.codes.set(status, (metrics.codes.get(status) ?? 0) + 1);
    metrics.latency.observe(durationMs / 1000);
    if (coldMs !== undefined) metrics.cold.observe(coldMs / 1000);
  }

  /** A request was answered that was no call: malformed, or for no function. */
  refused(status: number): void {
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
  }

  forget(key: string): void {
    this.#functions.delete(key);
  }

  write(gauges: GatewayGauges): string {
    return [
      this.#calls(),
      this.#histograms('nought_gateway_request_duration_seconds', 'latency'),
      this.#histograms('nought_gateway_cold_start_seconds', 'cold'),
      this.#refusals(),
      demandLines(gauges.routes),
      gauge('nought_gateway_connections', 'Open client connections', gauges.connections),
      gauge(
        'nought_gateway_autoscaler_connected',
        'Whether the autoscaler gets the demand of this gateway',
        gauges.autoscalerConnected ? 1 : 0,
      ),
      gauge(
        'process_resident_memory_bytes',
        'Resident memory size in bytes',
        process.memoryUsage.rss(),
      ),
    ].join('');
  }

  #calls(): string {
    let out = heading('nought_gateway_requests_total', 'counter', 'Calls by status of the answer');
    for (const [key, { codes }] of this.#functions) {
      for (const [code, count] of codes) {
        out += `nought_gateway_requests_total{${labelsOf(key)},code="${code}"} ${count}\n`;
      }
    }
    return out;
  }

  #histograms(name: string, member: 'latency' | 'cold'): string {
    const help = {
      latency: 'Time from the head of a call to the last byte of its answer',
      cold: 'Time that a call waited for a pod',
    };
    let out = heading(name, 'histogram', help[member]);
    for (const [key, metrics] of this.#functions) out += metrics[member].write(name, labelsOf(key));
    return out;
  }

  #refusals(): string {
    const name = 'nought_gateway_refused_total';
    let out = heading(name, 'counter', 'Requests that reached no function, by status');
    for (const [code, count] of this.#refused) out += `${name}{code="${code}"} ${count}\n`;
    return out;
  }
}

function demandLines(routes: Iterable<Route>): string {
  let inFlight = heading('nought_gateway_in_flight', 'gauge', 'Calls that are with a pod');
  let held = heading('nought_gateway_held', 'gauge', 'Calls that wait for a pod');
  let pods = heading('nought_gateway_routable_pods', 'gauge', 'Pods that may get calls');
  for (const route of routes) {
    const of = labelsOf(route.facts.key);
    inFlight += `nought_gateway_in_flight{${of}} ${route.demand.inFlight}\n`;
    held += `nought_gateway_held{${of}} ${route.demand.held}\n`;
    pods += `nought_gateway_routable_pods{${of}} ${route.routable.length}\n`;
  }
  return inFlight + held + pods;
}

function gauge(name: string, help: string, value: number): string {
  return `${heading(name, 'gauge', help)}${name} ${value}\n`;
}

function heading(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Names of Kubernetes objects need no escaping. */
function labelsOf(key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return `namespace="${namespace}",function="${name}"`;
}
