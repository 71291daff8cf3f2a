import type { AsyncCalls } from './async/async-calls.ts';
import { Call } from './call.ts';
import type { CallServices, Sweepable } from './call-services.ts';
import { functionState, targetState } from './function-state.ts';
import type { ResolvedGateway } from './gateway-options.ts';
import { PodHeads } from './pod-head.ts';
import { preferredWait, prefersAsync } from './preferences.ts';
import { noTarget, unknownFunction, unknownTag } from './problems.ts';
import type { Latecomers } from './routes/latecomers.ts';
import { nameOfTagged, type RouteTable } from './routes/route-table.ts';
import type { Route } from './routes/route.ts';
import { type FunctionTarget, resolveTarget } from './routes/target.ts';
import { MetricsPage } from './telemetry/metrics-page.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import { requestId } from './trace-context.ts';
import type { Exchange } from './wire/exchange.ts';
import { bodyTooLarge, type Problem, problemAnswer, refusal } from './wire/problem.ts';

export interface RequestHandlerServices {
  readonly options: ResolvedGateway;
  readonly table: RouteTable;
  readonly latecomers: Latecomers;
  readonly calls: CallServices;
  readonly asyncCalls: Pick<AsyncCalls, 'accept' | 'page'>;
  readonly started: (call: Sweepable) => void;
  readonly telemetry: Telemetry;
  readonly isReady: () => boolean;
  readonly metrics: () => Iterable<string>;
}

const invocationsPage = 'invocations/';
const plainText = 'Content-Type: text/plain; charset=utf-8\r\n';

/** Decides what a request is for: a call, a check, the gateway's own pages, or nothing. */
export class RequestHandler {
  readonly #services: RequestHandlerServices;
  readonly #heads: PodHeads;

  constructor(services: RequestHandlerServices) {
    this.#services = services;
    this.#heads = new PodHeads(services.options);
  }

  handle(exchange: Exchange): void {
    const { head } = exchange;
    const { options } = this.#services;
    if (head.target === '*') {
      this.#answer(exchange, 204, 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n', '');
      return;
    }
    const target = resolveTarget(head, options.domain);
    switch (target.kind) {
      case 'own':
        this.#own(exchange, target.name);
        return;
      case 'none':
        this.#refuse(exchange, noTarget(options.domain));
        return;
      case 'malformed':
        this.#refuse(exchange, refusal(400, target.detail));
        return;
      case 'check':
      case 'call':
        break;
    }
    if (!this.#serve(exchange, target)) this.#unknown(exchange, target);
  }

  /** False when the request names no function that is known. */
  #serve(exchange: Exchange, target: FunctionTarget): boolean {
    const { table, options } = this.#services;
    const route = table.get(target.function);
    if (route !== undefined) {
      if (target.kind === 'check') this.#json(exchange, functionState(route));
      else if (prefersAsync(exchange.head.prefer)) this.#later(exchange, route, target.path);
      else this.#call(exchange, route.traffic?.choose(options.random) ?? route, target.path);
      return true;
    }
    const tagged = table.tagged(target.function, target.byHost);
    if (tagged === undefined) return false;
    if (target.kind === 'check') this.#json(exchange, targetState(tagged));
    else if (prefersAsync(exchange.head.prefer))
      this.#later(exchange, tagged, target.path, tagOf(tagged));
    else this.#call(exchange, tagged, target.path);
    return true;
  }

  /** What was just made may be called before the watch tells of it. */
  #unknown(exchange: Exchange, target: FunctionTarget): void {
    const lookup = this.#services.latecomers.lookup(target.function);
    if (lookup === undefined) this.#refuseUnknown(exchange, target);
    else void this.#serveOnceKnown(exchange, target, lookup);
  }

  #refuseUnknown(exchange: Exchange, { function: key }: FunctionTarget): void {
    const name = nameOfTagged(key);
    const isKnown = name !== undefined && this.#services.table.get(name) !== undefined;
    this.#refuse(exchange, isKnown ? unknownTag(key) : unknownFunction(name ?? key));
  }

  async #serveOnceKnown(
    exchange: Exchange,
    target: FunctionTarget,
    lookup: Promise<void>,
  ): Promise<void> {
    exchange.pause();
    await lookup;
    if (!this.#serve(exchange, target)) this.#refuseUnknown(exchange, target);
    exchange.resume();
  }

  /** An asynchronous call. A WebSocket cannot be one: there the preference is not applied. */
  #later(exchange: Exchange, route: Route, path: string, tag?: string): void {
    if (exchange.head.websocket) {
      this.#call(exchange, route, path);
      return;
    }
    const { namespace, name } = route.facts;
    this.#services.asyncCalls.accept(exchange, { namespace, name, tag, path });
  }

  #call(exchange: Exchange, route: Route, path: string): void {
    const { options, calls } = this.#services;
    const { head } = exchange;
    const limit = options.limits.bodyBytes;
    if (head.framing.kind === 'length' && head.framing.length > limit) {
      this.#refuse(exchange, bodyTooLarge(limit));
      return;
    }
    const id = requestId(head.requestId, options.ids);
    const trace = this.#services.telemetry.traceOf(head.traceparent, head.tracestate);
    const call = new Call(calls, {
      exchange,
      route,
      requestId: id,
      trace,
      waitS: preferredWait(head.prefer, options.limits.maxHoldMs / 1000),
      headText: this.#heads.write(exchange, { path, requestId: id, trace }),
    });
    this.#services.started(call);
    call.begin();
  }

  #own(exchange: Exchange, name: string): void {
    if (name.startsWith(invocationsPage)) {
      this.#services.asyncCalls.page(exchange, name.slice(invocationsPage.length));
      return;
    }
    const known = name === 'healthz' || name === 'readyz' || name === 'metrics';
    if (!known) {
      this.#refuse(exchange, {
        status: 404,
        kind: 'no-such-page',
        title: 'No such page',
        detail: 'Under "/-/" the gateway has healthz, readyz, metrics and invocations',
      });
      return;
    }
    const { method } = exchange.head;
    if (method !== 'GET' && method !== 'HEAD') {
      const detail = `"/-/${name}" is read with GET`;
      this.#refuse(exchange, { ...refusal(405, detail), lines: 'Allow: GET, HEAD\r\n' });
    } else if (name === 'metrics') {
      new MetricsPage(exchange, this.#services.metrics()).send(this.#idLine(exchange));
    } else if (name === 'readyz' && !this.#services.isReady()) {
      this.#answer(exchange, 503, plainText, 'not ready\n');
    } else {
      this.#answer(exchange, 200, plainText, 'ok\n');
    }
  }

  #json(exchange: Exchange, value: unknown): void {
    const lines = 'Content-Type: application/json\r\nCache-Control: no-store\r\n';
    this.#answer(exchange, 200, lines, `${JSON.stringify(value)}\n`);
  }

  #refuse(exchange: Exchange, problem: Problem): void {
    this.#services.telemetry.refused(exchange, problem.status, problem.kind);
    exchange.answer(problemAnswer(problem, this.#idLine(exchange)));
  }

  #answer(exchange: Exchange, status: number, lines: string, body: string): void {
    exchange.answer({
      status,
      lines: `${lines}${this.#idLine(exchange)}`,
      body: Buffer.from(body),
    });
  }

  #idLine(exchange: Exchange): string {
    return `X-Request-Id: ${requestId(exchange.head.requestId, this.#services.options.ids)}\r\n`;
  }
}

/** The tag that stands for the route in its function's traffic. */
function tagOf(route: Route): string | undefined {
  for (const [tag, each] of route.traffic?.tags ?? []) if (each === route) return tag;
  return undefined;
}
