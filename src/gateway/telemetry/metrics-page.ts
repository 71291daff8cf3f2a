import { expositionType } from '../../lib/exposition.ts';
import type { Exchange, ExchangeOwner } from '../wire/exchange.ts';
import { chunkedBody } from '../wire/framing.ts';
import type { Problem } from '../wire/problem.ts';

/**
 * Answers with the metrics, part by part: of 10,000 functions they are tens of megabytes, which
 * neither wait in memory nor hold up calls.
 *
 * Invariants: a part is made when the client has taken those before it; between two parts the event
 * loop turns.
 */
export class MetricsPage implements ExchangeOwner {
  readonly #exchange: Exchange;
  readonly #parts: Iterator<string>;
  #over = false;

  constructor(exchange: Exchange, parts: Iterable<string>) {
    this.#exchange = exchange;
    this.#parts = parts[Symbol.iterator]();
  }

  /** Answers; `lines` are added to the head. */
  send(lines: string): void {
    const exchange = this.#exchange;
    exchange.attach(this);
    if (this.#over) return;
    exchange.start({
      status: 200,
      reason: 'OK',
      lines: `Date: ${new Date().toUTCString()}\r\nContent-Type: ${expositionType}\r\n${lines}`,
      framing: chunkedBody,
      statedLength: -1,
    });
    if (exchange.head.method === 'HEAD') this.#end();
    else this.#next();
  }

  bodyData(): void {
    // A body of a GET means nothing.
  }

  bodyEnd(): void {
    // Nothing waits for it.
  }

  bodyFailed(_problem: Problem): void {
    this.#over = true;
    this.#exchange.abort();
  }

  drained(): void {
    this.#next();
  }

  gone(): void {
    this.#over = true;
  }

  #next(): void {
    if (this.#over) return;
    const { done, value } = this.#parts.next();
    if (done === true) {
      this.#end();
      return;
    }
    const bytes = Buffer.from(value);
    const isTaken = this.#exchange.data([bytes], bytes.length) && this.#exchange.flush();
    if (isTaken) setImmediate(() => this.#next());
  }

  #end(): void {
    this.#over = true;
    this.#exchange.end();
  }
}
