import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import {
  type InvocationField,
  type InvocationObject,
  invocationBodyBytes,
  type InvocationResponse,
} from '../../api/index.ts';
import type { AttemptOutcome } from './verdict.ts';

export interface SenderOptions {
  readonly gatewayUrl: string;
  /** Connections at a time. */
  readonly connections: number;
  /** Wall time in milliseconds, for a Retry-After that is a date. */
  readonly now: () => number;
}

export interface Attempt {
  readonly invocation: InvocationObject;
  /** From 1. */
  readonly number: number;
  /** For the whole of it; the gateway ends a call that is too slow before. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Seconds that the gateway is asked to wait for a pod, whatever the function's coldStart says. */
const waitS = 60;
export const waitForPodMs = waitS * 1000;

/** Fields of an answer that belong to the connection, or that are made anew. */
const notKept = new Set(
  (
    'connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade ' +
    'content-length date preference-applied server-timing x-request-id'
  ).split(' '),
);
const fieldLimit = 128;
const nameLimit = 256;
const valueLimit = 16_384;

const refusalType = /"type":"https:\/\/nought\.dev\/problems\/(overloaded|stopping)"/;

/**
 * Sends the attempts of invocations to the gateway, on connections of its own that it keeps.
 *
 * Invariants:
 * 1. Each attempt of one invocation carries the same Idempotency-Key.
 * 2. An attempt that is aborted closes its connection: the gateway then drops the call.
 */
export class AttemptSender implements Disposable {
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;
  readonly #gateway: { readonly hostname: string; readonly port: string };
  readonly #host: string;
  /** Path of the gateway's URL, without a slash at the end. */
  readonly #prefix: string;

  constructor(options: SenderOptions) {
    const url = new URL(options.gatewayUrl);
    const secure = url.protocol === 'https:';
    this.#options = options;
    this.#gateway = { hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port };
    this.#host = url.host;
    this.#prefix = url.pathname.replace(/\/$/, '');
    const agentOptions = { keepAlive: true, maxSockets: options.connections, maxFreeSockets: 16 };
    this.#agent = secure ? new HttpsAgent(agentOptions) : new Agent(agentOptions);
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /** Rejects only when the signal aborts. */
  async send(attempt: Attempt): Promise<AttemptOutcome> {
    try {
      return await this.#exchange(attempt);
    } catch (error) {
      attempt.signal.throwIfAborted();
      // What an Invocation says may be no HTTP, however it came to be.
      return { kind: 'broken', detail: `The request cannot be sent: ${(error as Error).message}` };
    }
  }

  #exchange(attempt: Attempt): Promise<AttemptOutcome> {
    const { invocation, signal, timeoutMs } = attempt;
    const { spec } = invocation;
    const body = Buffer.from(spec.request.body ?? '', 'base64');
    // The path goes as it is: a URL parser would resolve its dot segments, out of the function.
    const sent = this.#request({
      ...this.#gateway,
      path: this.#path(invocation),
      method: spec.request.method,
      agent: this.#agent,
      headers: ['Host', this.#host, ...requestFields(attempt, body.length)],
      signal,
    });
    const late = setTimeout(() => {
      sent.destroy(new Error(`No complete answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>();
    const fail = (error: NodeJS.ErrnoException): void => {
      resolve(failureOf(error, sent.reusedSocket));
    };
    sent.on('error', fail);
    sent.on('response', (answer) => {
      this.#read(answer).then(resolve, fail);
    });
    sent.end(body);
    return promise
      .then((outcome) => {
        signal.throwIfAborted();
        return outcome;
      })
      .finally(() => clearTimeout(late));
  }

  #path({ metadata, spec }: InvocationObject): string {
    const { name, tag } = spec.functionRef;
    const target = tag === undefined ? name : `${name}@${tag}`;
    return `${this.#prefix}/${metadata.namespace ?? ''}/${target}${spec.request.path}`;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #read(answer: IncomingMessage): Promise<AttemptOutcome> {
    const status = answer.statusCode ?? 0;
    const headers = responseFields(answer.rawHeaders);
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > invocationBodyBytes) {
        answer.destroy();
        return { kind: 'oversize', response: { status, headers } };
      }
      parts.push(part);
    }
    const body = Buffer.concat(parts);
    const response: InvocationResponse = {
      status,
      headers,
      ...(bytes === 0 ? {} : { body: body.toString('base64') }),
    };
    const retryAfterMs = retryAfter(answer.headers['retry-after'], this.#options.now());
    const refusal = status === 503 ? refusalType.exec(body.toString('latin1'))?.[1] : undefined;
    if (refusal !== undefined) {
      return { kind: 'unreached', detail: `The gateway says: ${refusal}`, retryAfterMs };
    }
    return { kind: 'answered', response, retryAfterMs };
  }
}

function requestFields({ invocation, number }: Attempt, length: number): readonly string[] {
  const { metadata, spec } = invocation;
  const fields: string[] = [];
  let keyed = false;
  for (const { name, value } of spec.request.headers ?? []) {
    if (isOurs(name)) continue;
    keyed ||= name.toLowerCase() === 'idempotency-key';
    fields.push(name, value);
  }
  // The caller's own key is as good, and the same as in calls that it makes itself.
  if (!keyed) fields.push('Idempotency-Key', metadata.uid ?? '');
  fields.push(
    'Prefer',
    `wait=${waitS}`,
    'X-Nought-Invocation',
    metadata.name,
    'X-Nought-Attempt',
    String(number),
  );
  if (length > 0 || !/^(GET|HEAD)$/.test(spec.request.method)) {
    fields.push('Content-Length', String(length));
  }
  return fields;
}

/** Framing, routing and what is set below: no Invocation, however it was made, may say these. */
function isOurs(name: string): boolean {
  const lower = name.toLowerCase();
  return (
    /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|prefer)$/.test(
      lower,
    ) || lower.startsWith('x-nought-')
  );
}

function responseFields(raw: readonly string[]): readonly InvocationField[] {
  const fields: InvocationField[] = [];
  for (let i = 0; i + 1 < raw.length && fields.length < fieldLimit; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    const fits = name.length <= nameLimit && value.length <= valueLimit;
    if (fits && !notKept.has(name.toLowerCase())) fields.push({ name, value });
  }
  return fields;
}

function failureOf(error: NodeJS.ErrnoException, reused: boolean): AttemptOutcome {
  const { code = '', message } = error;
  const detail = message === '' ? code : message;
  const dialed = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'];
  // A kept connection that the gateway had closed, or with which it died: not the function's failure.
  const stale = reused && (code === 'ECONNRESET' || code === 'EPIPE');
  if (dialed.includes(code) || stale) {
    return {
      kind: 'unreached',
      detail: `The gateway cannot be reached: ${detail}`,
      retryAfterMs: undefined,
    };
  }
  return { kind: 'broken', detail: `The connection to the gateway broke: ${detail}` };
}

/** Milliseconds of a Retry-After: seconds or a date (RFC 9110 section 10.2.3). */
function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
