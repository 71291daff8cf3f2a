/**
 * Calls one URL at a steady rate, whatever comes back, until its standard input closes: an open loop over
 * keep-alive connections. `node e2e/load/caller.ts '{"url":…}'` prints one line of JSON.
 */
import { Agent, request } from 'node:http';
import type { CallerOrder, CallerResult, Failure } from './caller-protocol.ts';

const tickMs = 1;
const mostFailures = 200;
/** An answer that has not come by then will not come; milliseconds. */
const patienceMs = 45_000;

class Caller {
  readonly #order: CallerOrder;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #statuses: Record<string, number> = {};
  readonly #latencies: Record<string, number[]> = {};
  readonly #failures: Failure[] = [];
  #failed = 0;
  #sent = 0;
  #open = 0;
  #emptied: (() => void) | undefined;

  constructor(order: CallerOrder) {
    this.#order = order;
  }

  /** Sends until the signal aborts, then waits for the last answer. */
  async run(signal: AbortSignal): Promise<CallerResult> {
    const start = performance.now();
    while (!signal.aborted) {
      const due = ((performance.now() - start) / 1000) * this.#order.rate;
      while (this.#sent < due) this.#send();
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
    }
    this.#agent.destroy();
    return {
      sent: this.#sent,
      seconds: (performance.now() - start) / 1000,
      statuses: this.#statuses,
      failed: this.#failed,
      failures: this.#failures,
      latencies: Object.fromEntries(
        Object.entries(this.#latencies).map(([status, all]) => [status, quantiles(all)]),
      ),
    };
  }

  #send(): void {
    const { url, body } = this.#order;
    this.#sent += 1;
    this.#open += 1;
    const since = performance.now();
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const call = request(url, { method: 'POST', agent: this.#agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => this.#answered(answer.statusCode ?? 0, since, text));
      answer.on('error', (error) => this.#broken(error, since));
    });
    call.setTimeout(patienceMs, () => call.destroy(new Error('No answer came')));
    call.on('error', (error) => this.#broken(error, since));
    call.end(body);
  }

  #answered(status: number, since: number, text: string): void {
    const ms = performance.now() - since;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    (this.#latencies[status] ??= []).push(ms);
    if (status !== 200) this.#failure({ what: String(status), detail: text.slice(0, 300) });
    this.#closed();
  }

  #broken(error: NodeJS.ErrnoException, since: number): void {
    const ms = Math.round(performance.now() - since);
    this.#failure({ what: 'broken', detail: `${error.code ?? error.message} after ${ms} ms` });
    this.#closed();
  }

  #failure(failure: Omit<Failure, 'at'>): void {
    this.#failed += 1;
    if (this.#failures.length < mostFailures) this.#failures.push({ at: Date.now(), ...failure });
  }

  #closed(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#emptied?.();
  }
}

function quantiles(all: number[]): { readonly p50: number; readonly p99: number } {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

const done = new AbortController();
process.stdin.on('end', () => done.abort()).resume();
const order = JSON.parse(process.argv[2] ?? '{}') as CallerOrder;
process.stdout.write(`${JSON.stringify(await new Caller(order).run(done.signal))}\n`);
