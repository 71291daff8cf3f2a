import {
  asyncDefaults,
  type FunctionObject,
  invocationBodyBytes,
  type InvocationObject,
  newInvocation,
  StatusError,
} from '../../api/index.ts';
import { type Client, type Informer, refs } from '../../client/index.ts';
import { BackOff } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Ids } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { preferredWait } from '../preferences.ts';
import { unknownFunction } from '../problems.ts';
import { requestId } from '../trace-context.ts';
import type { Exchange } from '../wire/exchange.ts';
import { type Problem, refusal } from '../wire/problem.ts';
import {
  asyncBodyTooLarge,
  intakeFull,
  keyReused,
  notAccepted,
  tooManyPending,
} from './async-problems.ts';
import { keyedName, randomName } from './invocation-name.ts';
import { InvocationPages } from './invocation-pages.ts';
import { Replies, type RepliesOptions } from './replies.ts';
import { fieldValue, storedRequest } from './stored-request.ts';
import { takeBody } from './take-body.ts';
import { Unfinished } from './unfinished.ts';

export interface AsyncCallsOptions extends RepliesOptions {
  readonly client: Client;
  readonly functions: Informer<FunctionObject>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The longest wait that a client may ask for. */
  readonly maxWaitMs: number;
}

/** What an asynchronous call is for. */
export interface AsyncTarget {
  readonly namespace: string;
  readonly name: string;
  readonly tag: string | undefined;
  /** Path and query for the pod. */
  readonly path: string;
}

type Created =
  | { readonly kind: 'created'; readonly invocation: InvocationObject }
  /** It was there before, for the same call. */
  | { readonly kind: 'known'; readonly invocation: InvocationObject }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** Bodies that one gateway has in memory until they are stored; bytes. */
const intakeBytes = 32 * 1024 * 1024;
/** Calls that are being accepted at a time. */
const intakeCalls = 1024;
/** Characters that the bodies of one function's unfinished calls may have in the cluster. */
const pendingSize = 256 * 1024 * 1024;
/** How long the first call waits for the watch that counts them. */
const countMs = 5000;
/** How long the cluster may take to store a call; while it restarts, this is tried again. */
const storeMs = 8000;

/**
 * Accepts asynchronous calls, and answers for them under `/-/invocations/`.
 *
 * Invariants:
 * 1. 202 is answered only once the API server has acknowledged the Invocation.
 * 2. A refusal leaves no Invocation behind, unless the API server died between storing and answering.
 * 3. What is held in memory is bounded by bytes and by calls, and given back with the answer.
 */
export class AsyncCalls {
  readonly #options: AsyncCallsOptions;
  readonly #unfinished: Unfinished;
  readonly #pages: InvocationPages;
  readonly #replies: Replies;
  #bytes = 0;
  #calls = 0;

  constructor(options: AsyncCallsOptions) {
    this.#options = options;
    this.#unfinished = new Unfinished(options);
    this.#replies = new Replies(options);
    const shared = { unfinished: this.#unfinished, replies: this.#replies };
    this.#pages = new InvocationPages({ ...options, ...shared });
  }

  /** Takes a call with `Prefer: respond-async`; answers it. */
  accept(exchange: Exchange, target: AsyncTarget): void {
    void this.#accept(exchange, target);
  }

  /** Answers a request for `/-/invocations/REST`. */
  page(exchange: Exchange, rest: string): void {
    this.#pages.answer(exchange, rest);
  }

  /** Settles when nothing goes on any more, after the signal has aborted. */
  settled(): Promise<void> {
    return this.#unfinished.settled();
  }

  async #accept(exchange: Exchange, target: AsyncTarget): Promise<void> {
    if (this.#calls >= intakeCalls) {
      this.#replies.refuse(exchange, intakeFull());
      return;
    }
    let charged = 0;
    this.#calls += 1;
    try {
      const taken = await takeBody(exchange, {
        limit: invocationBodyBytes,
        tooLarge: asyncBodyTooLarge,
        charge: (bytes) => {
          if (this.#bytes + bytes > intakeBytes) return false;
          this.#bytes += bytes;
          charged += bytes;
          return true;
        },
        full: intakeFull,
      });
      if (taken.kind === 'gone') return;
      if (taken.kind === 'refused') this.#replies.refuse(exchange, taken.problem);
      else await this.#store(exchange, target, taken.body);
    } catch (error) {
      this.#options.log.warn('An asynchronous call was not accepted', { error: String(error) });
      this.#replies.refuse(exchange, notAccepted('the gateway has failed'));
    } finally {
      this.#bytes -= charged;
      this.#calls -= 1;
    }
  }

  async #store(exchange: Exchange, target: AsyncTarget, body: Buffer): Promise<void> {
    const { functions, ids, maxWaitMs } = this.#options;
    const { namespace, name, tag, path } = target;
    const { head } = exchange;
    const group = `${namespace}/${name}`;
    const fn = functions.get(target);
    if (fn === undefined) {
      this.#replies.refuse(exchange, unknownFunction(group));
      return;
    }
    const id = requestId(head.requestId, ids);
    const key = fieldValue(head, 'idempotency-key');
    const wanted = newInvocation({
      fn,
      name: key === undefined ? randomName(fn, ids) : keyedName(fn, key),
      request: storedRequest(head, path, { requestId: id, body }),
      tag,
      deadLetter: fn.spec.async?.deadLetter,
    });
    const created = await this.#admit(fn, wanted);
    if (created.kind === 'refused') {
      this.#replies.refuse(exchange, created.problem, id);
      return;
    }
    const waitMs = (preferredWait(head.prefer, maxWaitMs / 1000) ?? 0) * 1000;
    if (waitMs > 0) await this.#pages.awaited(exchange, created.invocation, { waitMs, id });
    else this.#replies.accepted(exchange, created.invocation, id);
  }

  /** Creates the Invocation if the function may have one more. */
  async #admit(fn: FunctionObject, wanted: InvocationObject): Promise<Created> {
    const group = `${fn.metadata.namespace ?? ''}/${fn.metadata.name}`;
    const key = `${wanted.metadata.namespace ?? ''}/${wanted.metadata.name}`;
    const maxPending = fn.spec.async?.maxPending ?? asyncDefaults.maxPending;
    if (!(await this.#unfinished.ready(countMs))) {
      return refused(notAccepted('the API server does not answer'));
    }
    const pending = this.#unfinished.of(group);
    const size = wanted.spec.request.body?.length ?? 0;
    if (pending.count >= maxPending || pending.size + size > pendingSize) {
      // One that was accepted before is answered for, whatever the queue.
      const known = await this.#known(wanted).catch(() => undefined);
      return known ?? refused(tooManyPending(group, pending.count));
    }
    this.#unfinished.expect(key, { group, size });
    const created = await this.#create(wanted);
    if (created.kind !== 'created') this.#unfinished.forget(key);
    return created;
  }

  async #create(wanted: InvocationObject): Promise<Created> {
    const { client, clock, signal } = this.#options;
    const resource = client.resource(refs.invocations);
    const enough = new AbortController();
    const end = AbortSignal.any([signal, enough.signal]);
    const tooLate = (): Created => refused(notAccepted('the API server does not answer'));
    const late = clock.sleep(storeMs, end).then(tooLate, tooLate);
    const backOff = new BackOff();
    try {
      for (;;) {
        const made = resource.create(wanted).then(
          (invocation): Created => ({ kind: 'created', invocation }),
          (error: unknown) => this.#whyNot(error, wanted),
        );
        const created = await Promise.race([made, late]);
        if (created !== undefined) return created;
        // Nobody knows whether it was stored. The name is ours: another try finds out.
        await clock.sleep(backOff.next(), end);
      }
    } finally {
      enough.abort();
    }
  }

  /** What a failed creation means; undefined when it is worth another try. */
  async #whyNot(error: unknown, wanted: InvocationObject): Promise<Created | undefined> {
    if (!(error instanceof StatusError)) return undefined;
    const { code, reason, message } = error;
    if (reason === 'AlreadyExists') return this.#known(wanted).catch(() => undefined);
    if (code === 413) return refused(asyncBodyTooLarge());
    if (code === 400 || code === 422) return refused(refusal(400, message));
    if (code === 404) {
      const words = 'the cluster does not know the kind Invocation (kubectl apply -f deploy/crds)';
      return refused(notAccepted(words));
    }
    if (code === 403 || code === 401) return refused(notAccepted(message));
    return undefined;
  }

  /** The Invocation of that name, if it is for the same call; undefined when there is none. */
  async #known(wanted: InvocationObject): Promise<Created | undefined> {
    const { namespace = '', name } = wanted.metadata;
    const resource = this.#options.client.resource(refs.invocations);
    const invocation = await resource.find({ namespace, name });
    if (invocation === undefined) return undefined;
    return isSameCall(invocation, wanted) ? { kind: 'known', invocation } : refused(keyReused());
  }
}

function isSameCall({ spec: a }: InvocationObject, { spec: b }: InvocationObject): boolean {
  return (
    a.functionRef.name === b.functionRef.name &&
    a.functionRef.tag === b.functionRef.tag &&
    a.request.method === b.request.method &&
    a.request.path === b.request.path &&
    (a.request.body ?? '') === (b.request.body ?? '')
  );
}

function refused(problem: Problem): Created {
  return { kind: 'refused', problem };
}
