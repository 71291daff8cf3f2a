import { Exposition, labelPairs } from '../lib/exposition.ts';
import { Histogram } from '../lib/histogram.ts';

/** What was asked, in the words of RBAC: `GET` of a collection is `LIST` or `WATCH`. */
export interface RequestKind {
  readonly verb: string;
  readonly group: string;
  /** The plural of a kind that is served; empty for all else. */
  readonly resource: string;
}

/** Requests by verb, resource and status, under the names that Kubernetes' own API server uses. */
export class RequestMetrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();

  /** A request was answered after so many seconds; of a watch, its answer is its beginning. */
  answered({ verb, group, resource }: RequestKind, status: number, seconds: number): void {
    // Kinds, verbs and codes are few, and need no escaping.
    const labels = `verb="${verb}",group="${group}",resource="${resource}",code="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    if (verb === 'WATCH') return;
    let histogram = this.#durations.get(verb);
    if (histogram === undefined) {
      histogram = new Histogram();
      this.#durations.set(verb, histogram);
    }
    histogram.observe(seconds);
  }

  /** Prometheus text. */
  text(watches: number): string {
    const out = new Exposition();
    const total = 'apiserver_request_total';
    const duration = 'apiserver_request_duration_seconds';
    const running = 'apiserver_longrunning_requests';
    out.family(
      total,
      'counter',
      'Requests by verb, resource and status, those in process included',
    );
    for (const [labels, count] of this.#requests) out.sample(total, labels, count);
    out.family(duration, 'histogram', 'Time until a request was answered; without watches');
    for (const [verb, histogram] of this.#durations) {
      out.histogram(duration, labelPairs({ verb }), histogram);
    }
    out
      .family(running, 'gauge', 'Requests that go on')
      .sample(running, labelPairs({ verb: 'WATCH' }), watches);
    return out.take();
  }
}
