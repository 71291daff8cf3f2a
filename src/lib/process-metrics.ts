import { readdirSync, readFileSync } from 'node:fs';
import { Exposition, labelPairs } from './exposition.ts';
import { Histogram } from './histogram.ts';

const sampleMs = 500;
/** Seconds by which a timer came late: from what nobody notices to what everybody does. */
const delayBounds: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1];

/**
 * What every process tells of itself, under the names that Prometheus' own client libraries use.
 *
 * Owns a timer that looks twice a second how late it comes: `perf_hooks.monitorEventLoopDelay` would
 * wake an idle process fifty times as often.
 */
export class ProcessMetrics implements Disposable {
  readonly #delay = new Histogram(delayBounds);
  readonly #timer: NodeJS.Timeout;
  readonly #startedS = Date.now() / 1000 - process.uptime();
  #due = performance.now() + sampleMs;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#delay.observe(Math.max(0, now - this.#due) / 1000);
      this.#due = now + sampleMs;
    }, sampleMs);
    this.#timer.unref();
  }

  /** Prometheus text. */
  text(): string {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const out = new Exposition();
    const gauge = (name: string, help: string, value: number): void => {
      out.single(name, 'gauge', help, value);
    };
    const counter = (name: string, help: string, value: number): void => {
      out.single(name, 'counter', help, value);
    };
    counter(
      'process_cpu_seconds_total',
      'User and system CPU time spent, in seconds',
      (user + system) / 1e6,
    );
    counter('process_cpu_user_seconds_total', 'User CPU time spent, in seconds', user / 1e6);
    counter('process_cpu_system_seconds_total', 'System CPU time spent, in seconds', system / 1e6);
    gauge('process_start_time_seconds', 'Start of the process, Unix time', this.#startedS);
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes', rss);
    for (const [name, help, value] of fromProc()) gauge(name, help, value);
    gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', heapUsed);
    gauge('nodejs_heap_size_total_bytes', 'JavaScript heap', heapTotal);
    gauge('nodejs_external_memory_bytes', 'Memory of buffers outside of the heap', external);
    const delay = 'nodejs_eventloop_delay_seconds';
    out
      .family(delay, 'histogram', 'How late a timer came, looked at twice a second')
      .histogram(delay, '', this.#delay)
      .family('nodejs_version_info', 'gauge', 'Version of Node.js')
      .sample('nodejs_version_info', labelPairs({ version: process.version }), 1);
    return out.take();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** What only Linux tells. */
function fromProc(): readonly (readonly [name: string, help: string, value: number])[] {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const maxFds = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
    return [
      ['process_open_fds', 'Open file descriptors', readdirSync('/proc/self/fd').length],
      ['process_max_fds', 'Limit of open file descriptors', maxFds],
    ];
  } catch {
    return [];
  }
}
