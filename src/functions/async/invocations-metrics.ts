import type { InvocationObject, InvocationPhase } from '../../api/index.ts';
import { Exposition, labelPairs } from '../../lib/exposition.ts';
import { Histogram } from '../../lib/histogram.ts';
import type { Verdict } from './verdict.ts';

/** Seconds from acceptance to the end: from at once to a day of retries. */
const durationBounds: readonly number[] = [
  0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400,
];
const phases: readonly InvocationPhase[] = [
  'Pending',
  'Running',
  'Succeeded',
  'Failed',
  'Cancelled',
];
/** What an attempt can come to: `undelivered` has not reached the function. */
const outcomes = ['succeeded', 'failed', 'repeated', 'undelivered'] as const;

class FunctionSeries {
  readonly attempts = new Map(outcomes.map((outcome) => [outcome, 0]));
  readonly durations = new Histogram(durationBounds);
  deadLetters = 0;
}

/**
 * What has become of asynchronous calls, as Prometheus text.
 *
 * Bounded by the functions there are: one that is gone takes its series with it.
 */
export class InvocationsMetrics {
  readonly #series = new Map<string, FunctionSeries>();
  #invocations: (() => readonly InvocationObject[]) | undefined;

  /** Whom to ask for what there is; undefined when this process no longer acts. */
  serve(invocations: (() => readonly InvocationObject[]) | undefined): void {
    this.#invocations = invocations;
  }

  /** An attempt for the function (`namespace/name`) was judged; `ageMs` is the time since acceptance. */
  judged(group: string, verdict: Verdict, ageMs: number): void {
    const { attempts, durations } = this.#of(group);
    const outcome = outcomeOf(verdict);
    attempts.set(outcome, (attempts.get(outcome) ?? 0) + 1);
    if (verdict.kind !== 'again') durations.observe(ageMs / 1000);
  }

  /** A dead letter of the function was handed over. */
  deadLettered(group: string): void {
    this.#of(group).deadLetters += 1;
  }

  /** The function is gone. */
  forget(group: string): void {
    this.#series.delete(group);
  }

  text(): string {
    const out = new Exposition();
    const all = [...this.#series].map(([group, series]) => ({ series, labels: labelsOf(group) }));
    const attempts = 'nought_invocation_attempts_total';
    out.family(attempts, 'counter', 'Attempts of asynchronous calls, by what came of them');
    for (const { series, labels } of all) {
      for (const [outcome, count] of series.attempts) {
        out.sample(attempts, `${labels},${labelPairs({ outcome })}`, count);
      }
    }
    const durations = 'nought_invocation_duration_seconds';
    out.family(durations, 'histogram', 'Time from the acceptance of a call to its end');
    for (const { series, labels } of all) out.histogram(durations, labels, series.durations);
    const letters = 'nought_invocation_dead_letters_total';
    out.family(letters, 'counter', 'Calls that were handed to a dead letter function');
    for (const { series, labels } of all) out.sample(letters, labels, series.deadLetters);
    this.#writePhases(out);
    return out.take();
  }

  #of(group: string): FunctionSeries {
    const known = this.#series.get(group);
    if (known !== undefined) return known;
    const series = new FunctionSeries();
    this.#series.set(group, series);
    return series;
  }

  #writePhases(out: Exposition): void {
    if (this.#invocations === undefined) return;
    const counts = new Map<string, Map<InvocationPhase, number>>();
    for (const { metadata, spec, status } of this.#invocations()) {
      const group = `${metadata.namespace ?? ''}/${spec.functionRef.name}`;
      const { phase = 'Pending' } = status ?? {};
      const ofGroup = counts.get(group) ?? new Map<InvocationPhase, number>();
      counts.set(group, ofGroup.set(phase, (ofGroup.get(phase) ?? 0) + 1));
    }
    const name = 'nought_invocations';
    out.family(name, 'gauge', 'Asynchronous calls that are kept, by phase');
    for (const [group, ofGroup] of counts) {
      for (const phase of phases) {
        const labels = `${labelsOf(group)},${labelPairs({ phase })}`;
        out.sample(name, labels, ofGroup.get(phase) ?? 0);
      }
    }
  }
}

function outcomeOf(verdict: Verdict): (typeof outcomes)[number] {
  if (verdict.kind !== 'again') return verdict.kind;
  return verdict.counted ? 'repeated' : 'undelivered';
}

function labelsOf(group: string): string {
  const [namespace = '', name = ''] = group.split('/');
  return labelPairs({ namespace, function: name });
}
