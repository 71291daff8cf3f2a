import type { Histogram } from './histogram.ts';

/** What Prometheus asks for and gets: the text format, version 0.0.4. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

export type MetricType = 'counter' | 'gauge' | 'histogram';

const breaks = /[\\"\n]/g;
const helpBreaks = /[\\\n]/g;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** Label pairs as they stand between the braces; values are escaped, names are the caller's care. */
export function labelPairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replaceAll(breaks, (at) => escapes[at] ?? at)}"`)
    .join(',');
}

/**
 * Writes metrics in Prometheus' text format.
 *
 * The samples of one family follow its heading and stand together: begin a family once, then write
 * all of it. `take` hands over what was written and starts afresh, so that much can be written in parts.
 */
export class Exposition {
  #text = '';

  family(name: string, type: MetricType, help: string): this {
    const escaped = help.replaceAll(helpBreaks, (at) => escapes[at] ?? at);
    this.#text += `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
    return this;
  }

  /** One sample; `labels` as made by `labelPairs`, empty for none. */
  sample(name: string, labels: string, value: number): this {
    this.#text += labels === '' ? `${name} ` : `${name}{${labels}} `;
    this.#text += `${formatValue(value)}\n`;
    return this;
  }

  /** A family with a single sample that has no labels. */
  single(name: string, type: 'counter' | 'gauge', help: string, value: number): this {
    return this.family(name, type, help).sample(name, '', value);
  }

  histogram(name: string, labels: string, histogram: Histogram): this {
    const before = labels === '' ? '' : `${labels},`;
    const { bounds, sum } = histogram;
    const counts = histogram.cumulative();
    counts.forEach((count, index) => {
      this.#text += `${name}_bucket{${before}le="${bounds[index] ?? '+Inf'}"} ${count}\n`;
    });
    this.sample(`${name}_sum`, labels, sum);
    return this.sample(`${name}_count`, labels, counts.at(-1) ?? 0);
  }

  /** What was written since the last time. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
