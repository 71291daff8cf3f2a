import type { InvocationObject } from '../../api/index.ts';
import type { Ids } from '../../lib/ids.ts';
import { requestId } from '../trace-context.ts';
import type { Exchange } from '../wire/exchange.ts';
import { type Problem, problemAnswer } from '../wire/problem.ts';
import { invocationState, pathOf } from './invocation-state.ts';

export interface RepliesOptions {
  readonly ids: Ids;
  /** A request was answered with a problem. */
  readonly refused: (exchange: Exchange, problem: Problem) => void;
  /** A call was accepted and answered with this status. */
  readonly accepted: (exchange: Exchange, status: number) => void;
}

export interface Reply {
  readonly status: number;
  /** Field lines, each with CRLF. */
  readonly lines: string;
  readonly body: Buffer;
}

/** Seconds after which it is worth asking again for an invocation that is not finished. */
const retryAfterS = 1;

/** The answers to and about asynchronous calls; each carries the id of its request. */
export class Replies {
  readonly #options: RepliesOptions;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  refuse(exchange: Exchange, problem: Problem, id = this.#idOf(exchange)): void {
    this.#options.refused(exchange, problem);
    exchange.answer(problemAnswer(problem, idLine(id)));
  }

  /** 202: it is stored, and this is where it can be seen. */
  accepted(exchange: Exchange, invocation: InvocationObject, id: string): void {
    this.noteAccepted(exchange, 202);
    const lines = `Location: ${pathOf(invocation)}\r\nPreference-Applied: respond-async\r\n`;
    this.state(exchange, invocation, { status: 202, lines, id });
  }

  /** Tells that a call was accepted which is answered with this status. */
  noteAccepted(exchange: Exchange, status: number): void {
    this.#options.accepted(exchange, status);
  }

  /** The state of an invocation as JSON. */
  state(
    exchange: Exchange,
    invocation: InvocationObject,
    more: { readonly status?: number; readonly lines?: string; readonly id?: string } = {},
  ): void {
    const { status = 200, lines = '', id = this.#idOf(exchange) } = more;
    const state = invocationState(invocation);
    const retry = state.finishTime === undefined ? `Retry-After: ${retryAfterS}\r\n` : '';
    const fields = 'Content-Type: application/json\r\nCache-Control: no-store\r\n';
    const body = Buffer.from(`${JSON.stringify(state)}\n`);
    exchange.answer({ status, lines: `${fields}${retry}${lines}${idLine(id)}`, body });
  }

  /** An answer that is not the gateway's own words. */
  send(exchange: Exchange, { status, lines, body }: Reply, id = this.#idOf(exchange)): void {
    exchange.answer({ status, lines: `${lines}${idLine(id)}`, body });
  }

  #idOf(exchange: Exchange): string {
    return requestId(exchange.head.requestId, this.#options.ids);
  }
}

function idLine(id: string): string {
  return `X-Request-Id: ${id}\r\n`;
}
