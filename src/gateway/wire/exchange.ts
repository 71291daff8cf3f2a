import { STATUS_CODES } from 'node:http';
import type { Framing } from './framing.ts';
import type { Problem } from './problem.ts';
import type { RequestHead } from './request-head.ts';

/** A complete answer of the gateway's own. */
export interface Answer {
  readonly status: number;
  /** Field lines, each with CRLF; framing, Connection and Date are added. */
  readonly lines: string;
  readonly body: Buffer;
}

/** The beginning of an answer that is streamed. */
export interface ResponseStart {
  readonly status: number;
  readonly reason: string;
  /** End-to-end field lines, each with CRLF. */
  readonly lines: string;
  readonly framing: Framing;
  /** Content-Length to state although there is no body (HEAD, 304); -1 for none. */
  readonly statedLength: number;
}

/** Who takes the body of a request, and hears how its client fares. */
export interface ExchangeOwner {
  /** Body bytes; in a tunnel, the client's bytes. The buffers are the receiver's. */
  bodyData(parts: readonly Buffer[], bytes: number): void;
  /** The body is complete; in a tunnel, the client has ended its side. */
  bodyEnd(): void;
  /** The body is malformed, too large or too slow: no more of it will come. */
  bodyFailed(problem: Problem): void;
  /** The client takes data again, after `data` or `flush` said false. */
  drained(): void;
  /** The client has left: nothing more will come or can be sent. */
  gone(): void;
  /**
   * No byte that `bodyData` handed on is held any more, so that its memory may serve for something
   * else; where it is missing, bytes are held for as long as they are referred to.
   */
  readonly bodySent?: boolean;
}

/**
 * One request of a client, and the way to answer it: what a wire offers to the rest of the gateway.
 *
 * Once `end`, `answer` or `abort` was called, or `gone` was heard, all methods do nothing.
 */
export interface Exchange {
  readonly head: RequestHead;
  /** The client's address. */
  readonly client: string;
  /** The request came over TLS. */
  readonly secure: boolean;
  /** Version of HTTP that the client speaks: `1.0`, `1.1`, `2`. */
  readonly version: string;
  readonly bodyComplete: boolean;
  /** The answer has begun. */
  readonly started: boolean;
  /** Names who takes the body, which is handed on from its first byte. */
  attach(owner: ExchangeOwner): void;
  /** Stops reading from the client, for back-pressure. */
  pause(): void;
  resume(): void;
  /** Tells a client that asked with `Expect: 100-continue` to send the body; at most once. */
  proceed(): void;
  /** An interim answer (1xx) on its way to the client. */
  interim(status: number, reason: string, lines: string): void;
  start(response: ResponseStart): void;
  /** Body bytes of the answer; false asks for a pause until `drained`. */
  data(parts: readonly Buffer[], bytes: number): boolean;
  /** The same for a short text, each byte a character; where it is missing, `data` serves. */
  text?(text: string): boolean;
  /** Hands what was gathered to the socket; false asks for a pause until `drained`. */
  flush(): boolean;
  /** No byte that `data` was given is held any more; where it is missing, that is not known. */
  readonly answerSent?: boolean;
  end(): void;
  answer(answer: Answer): void;
  /** Answers 101 with these lines; from then on bytes go through as they are. */
  tunnel(lines: string): void;
  /** Cuts the connection: the only way to tell a client that an answer which began is incomplete. */
  abort(): void;
}

/** Gives a complete answer of the gateway's own through an exchange that has not begun one. */
export function giveAnswer(exchange: Exchange, { status, lines, body }: Answer): void {
  exchange.start({
    status,
    reason: STATUS_CODES[status] ?? '',
    lines: `Date: ${new Date().toUTCString()}\r\n${lines}`,
    framing: { kind: 'length', length: body.length },
    statedLength: body.length,
  });
  exchange.data([body], body.length);
  exchange.end();
}
