import {
  finishedConditions,
  type InvocationField,
  type InvocationObject,
  isFinished,
  isStatus,
  StatusError,
} from '../../api/index.ts';
import { type Client, type ObjectKey, refs } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { preferredWait } from '../preferences.ts';
import type { Exchange } from '../wire/exchange.ts';
import { type Problem, refusal } from '../wire/problem.ts';
import {
  alreadyFinished,
  clusterAway,
  failedWithoutAnswer,
  unknownInvocation,
  wasCancelled,
} from './async-problems.ts';
import { failureOf } from './invocation-state.ts';
import type { Replies } from './replies.ts';
import type { Unfinished } from './unfinished.ts';

export interface InvocationPagesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly replies: Replies;
  readonly unfinished: Unfinished;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
}

const pagePattern = /^([a-z0-9][-a-z0-9]{0,62})\/([a-z0-9][-a-z0-9.]{0,252})(\/result)?$/;
const watchMs = 5000;
/** Where the watch is behind the object itself. */
const lagMs = 50;
const conflictLimit = 8;

/**
 * The pages of invocations: `NS/NAME` and `NS/NAME/result`.
 *
 * Who knows a name may read and cancel: names cannot be guessed, and are told to the caller alone.
 */
export class InvocationPages {
  readonly #options: InvocationPagesOptions;

  constructor(options: InvocationPagesOptions) {
    this.#options = options;
  }

  answer(exchange: Exchange, rest: string): void {
    const { replies } = this.#options;
    const { method } = exchange.head;
    const [, namespace = '', name = '', result] = pagePattern.exec(rest) ?? [];
    if (name === '') {
      replies.refuse(exchange, noSuchPage());
      return;
    }
    const allowed = result === undefined ? ['GET', 'HEAD', 'DELETE'] : ['GET', 'HEAD'];
    if (!allowed.includes(method)) {
      const allow = allowed.join(', ');
      const problem = refusal(405, `An invocation takes ${allow} here`);
      replies.refuse(exchange, { ...problem, lines: `Allow: ${allow}\r\n` });
      return;
    }
    const key = { namespace, name };
    const work =
      method === 'DELETE'
        ? this.#cancel(exchange, key)
        : this.#show(exchange, key, result !== undefined);
    void work.catch((error: unknown) => {
      replies.refuse(exchange, isStatus(error, 'NotFound') ? unknownOf(key) : clusterAway());
    });
  }

  /** Answers a call that was just accepted: with its result if it comes in time, else 202. */
  async awaited(
    exchange: Exchange,
    accepted: InvocationObject,
    { waitMs, id }: { readonly waitMs: number; readonly id: string },
  ): Promise<void> {
    const { replies } = this.#options;
    const { namespace = '', name } = accepted.metadata;
    const left = leaving(exchange);
    const now = await this.#wait({ namespace, name }, waitMs, left).catch(() => undefined);
    if (left.aborted) return;
    if (now === undefined || !isFinished(now)) replies.accepted(exchange, accepted, id);
    else {
      replies.noteAccepted(exchange, now.status?.response?.status ?? 502);
      this.#result(exchange, now, 'Preference-Applied: wait\r\n');
    }
  }

  async #show(exchange: Exchange, key: Required<ObjectKey>, wantsResult: boolean): Promise<void> {
    const { replies, maxWaitMs } = this.#options;
    const left = leaving(exchange);
    const waitMs = (preferredWait(exchange.head.prefer, maxWaitMs / 1000) ?? 0) * 1000;
    const invocation = await this.#wait(key, waitMs, left);
    if (left.aborted) return;
    if (invocation === undefined) replies.refuse(exchange, unknownOf(key));
    else if (!wantsResult) replies.state(exchange, invocation);
    else if (isFinished(invocation)) this.#result(exchange, invocation, '');
    else replies.state(exchange, invocation, { status: 202 });
  }

  /** The invocation once it is finished, or as it is when the time is up. */
  async #wait(
    key: Required<ObjectKey>,
    waitMs: number,
    left: AbortSignal,
  ): Promise<InvocationObject | undefined> {
    const { client, clock, unfinished } = this.#options;
    const resource = client.resource(refs.invocations);
    const until = clock.monotonic() + waitMs;
    let invocation = await resource.find(key);
    if (waitMs === 0 || invocation === undefined || isFinished(invocation)) return invocation;
    if (!(await unfinished.ready(Math.min(waitMs, watchMs)))) return invocation;
    while (invocation !== undefined && !isFinished(invocation)) {
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0 || left.aborted) return invocation;
      const late = AbortSignal.any([left, AbortSignal.timeout(Math.ceil(leftMs))]);
      await unfinished.finished(`${key.namespace}/${key.name}`, late);
      invocation = await resource.find(key);
      if (invocation === undefined || isFinished(invocation)) return invocation;
      await clock.sleep(lagMs, late).catch(() => undefined);
    }
    return invocation;
  }

  /** The function's answer as it was; where there is none, why. */
  #result(exchange: Exchange, invocation: InvocationObject, more: string): void {
    const { replies } = this.#options;
    const { response, phase } = invocation.status ?? {};
    if (response === undefined || failureOf(invocation)?.reason === 'ResultTooLarge') {
      const { reason, message } = failureOf(invocation) ?? { reason: '', message: '' };
      const problem = phase === 'Cancelled' ? wasCancelled() : failedWithoutAnswer(reason, message);
      replies.refuse(exchange, problem);
      return;
    }
    const { status, headers = [], body = '' } = response;
    const fields = headers
      .filter(isField)
      .map(({ name, value }) => `${name}: ${value}\r\n`)
      .join('');
    const lines = `${fields}X-Nought-Phase: ${phase}\r\n${more}`;
    replies.send(exchange, { status, lines, body: Buffer.from(body, 'base64') });
  }

  async #cancel(exchange: Exchange, key: Required<ObjectKey>): Promise<void> {
    const { client, clock, replies } = this.#options;
    const resource = client.resource(refs.invocations);
    for (let tries = 0; tries < conflictLimit; tries += 1) {
      const now = await resource.find(key);
      if (now === undefined) {
        replies.refuse(exchange, unknownOf(key));
        return;
      }
      if (isFinished(now)) {
        const { phase = '' } = now.status ?? {};
        if (phase === 'Cancelled') replies.state(exchange, now);
        else replies.refuse(exchange, alreadyFinished(phase));
        return;
      }
      const finishTime = new Date(clock.now()).toISOString();
      const words = 'It was cancelled through the gateway';
      const status = {
        phase: 'Cancelled',
        finishTime,
        nextAttemptTime: null,
        conditions: finishedConditions('Cancelled', 'Cancelled', words, finishTime),
      };
      const patch = { metadata: { resourceVersion: now.metadata.resourceVersion }, status };
      try {
        const options = { type: 'merge', subresource: 'status' } as const;
        replies.state(exchange, await resource.patch(key, patch, options));
        return;
      } catch (error) {
        // Another write came first: whether it is finished now is to be seen.
        if (!(error instanceof StatusError) || error.code !== 409) throw error;
      }
    }
    replies.refuse(exchange, clusterAway());
  }
}

/** Aborts when the client leaves; takes the body, which says nothing here. */
function leaving(exchange: Exchange): AbortSignal {
  const left = new AbortController();
  exchange.attach({
    bodyData: () => undefined,
    bodyEnd: () => undefined,
    bodyFailed: () => undefined,
    drained: () => undefined,
    gone: () => left.abort(new Error('The client has left')),
  });
  return left.signal;
}

/** Objects can be edited: what would end the field early is left out. */
function isField({ name, value }: InvocationField): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

function unknownOf({ namespace, name }: Required<ObjectKey>): Problem {
  return unknownInvocation(namespace, name);
}

function noSuchPage(): Problem {
  return {
    status: 404,
    kind: 'no-such-page',
    title: 'No such page',
    detail:
      'An invocation is at "/-/invocations/NAMESPACE/NAME", its answer at that with "/result"',
  };
}
