import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { checkHealth } from './grpc-health.ts';
import type { Handler, HttpHandler } from './handler.ts';

/** How a command in a container ended, with the beginning of what it wrote. */
export interface CommandEnd {
  readonly exitCode: number;
  readonly output: string;
}

/** What a handler is carried out on. */
export interface HandlerTarget {
  /** Of the pod. */
  readonly address: string;
  /** Runs a command as the container would; rejects when it cannot, or the signal aborts. */
  readonly run: (command: readonly string[], signal: AbortSignal) => Promise<CommandEnd>;
  readonly userAgent: string;
  readonly clock: Clock;
}

/** `refused`: an HTTP server answered, with a status that means no. */
export interface HandlerOutcome {
  readonly kind: 'success' | 'refused' | 'failure';
  readonly output: string;
}

const maxRedirects = 10;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const timedOut = 'context deadline exceeded';

/** Carries a handler out once; never rejects. What takes until the signal aborts has failed. */
export async function callHandler(
  handler: Handler,
  target: HandlerTarget,
  signal: AbortSignal,
): Promise<HandlerOutcome> {
  switch (handler.kind) {
    case 'http':
      return get(handler, target, signal);
    case 'tcp':
      return connects(handler.host ?? target.address, handler.port, signal);
    case 'grpc': {
      const { address: host, userAgent } = target;
      return checkHealth({ ...handler, host, userAgent }, signal);
    }
    case 'exec':
      return execute(handler.command, target, signal);
    case 'sleep':
      return target.clock.sleep(handler.ms, signal).then(
        () => ({ kind: 'success', output: '' }),
        () => failure(timedOut),
      );
    case 'unknown':
      return failure('the handler is of a kind that is not supported');
  }
}

async function execute(
  command: readonly string[],
  { run }: HandlerTarget,
  signal: AbortSignal,
): Promise<HandlerOutcome> {
  try {
    const { exitCode, output } = await run(command, signal);
    return { kind: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (signal.aborted) return failure(`command timed out: "${command.join(' ')}" timed out`);
    return failure(error instanceof Error ? error.message : String(error));
  }
}

function connects(host: string, port: number, signal: AbortSignal): Promise<HandlerOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ kind: 'success', output: '' });
    });
    socket.once('error', (error) => {
      resolve(failure(`dial tcp ${authority(host, port)}: ${reasonOf(error, signal)}`));
    });
  });
}

/** Follows redirects within the host; one that leads elsewhere counts as an answer. */
async function get(
  handler: HttpHandler,
  { address, userAgent }: HandlerTarget,
  signal: AbortSignal,
): Promise<HandlerOutcome> {
  const host = handler.host ?? address;
  const origin = `${handler.secure ? 'https' : 'http'}://${authority(host, handler.port)}`;
  const first = URL.parse(origin + handler.path);
  if (first === null) return failure(`invalid URL "${origin}${handler.path}"`);
  let url: URL = first;
  const headers = headersOf(handler, userAgent);
  for (let count = 0; ; count += 1) {
    let answer: { readonly status: number; readonly location: string | undefined };
    try {
      answer = await ask(url, headers, signal);
    } catch (error) {
      const why = reasonOf(error as Error, signal);
      return failure(`Get "${url.href}": dial tcp ${url.host}: ${why}`);
    }
    const { status, location } = answer;
    const next: URL | null = redirects.has(status) ? URL.parse(location ?? '', url) : null;
    if (next === null || next.hostname !== url.hostname) {
      return status >= 200 && status < 400
        ? { kind: 'success', output: '' }
        : { kind: 'refused', output: `HTTP probe failed with statuscode: ${status}` };
    }
    if (count === maxRedirects) return failure(`Get "${next.href}": stopped after 10 redirects`);
    url = next;
  }
}

function ask(
  url: URL,
  headers: OutgoingHttpHeaders,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      response.destroy();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
    };
    const options = { agent: false as const, signal, headers };
    const asking =
      url.protocol === 'https:'
        ? secureRequest(url, { ...options, rejectUnauthorized: false }, take)
        : request(url, options, take);
    asking.on('error', reject);
    asking.end();
  });
}

/** A header may be given several times; given without a value, a default one is left out. */
function headersOf({ headers }: HttpHandler, userAgent: string): OutgoingHttpHeaders {
  const all: Record<string, string[]> = {};
  for (const [name, value] of headers) (all[name.toLowerCase()] ??= []).push(value);
  const defaults = { 'user-agent': userAgent, accept: '*/*' };
  for (const [name, value] of Object.entries(defaults)) all[name] ??= [value];
  const sent = Object.entries(all).filter(([, values]) => values.some((value) => value !== ''));
  return Object.fromEntries(
    sent.map(([name, [only, ...more]]) => [name, more.length === 0 ? only : all[name]]),
  );
}

function failure(output: string): HandlerOutcome {
  return { kind: 'failure', output };
}

/** Go's words for what went wrong, which people know from their clusters. */
function reasonOf(error: Error & { readonly code?: string }, signal: AbortSignal): string {
  if (signal.aborted) return timedOut;
  return error.code === 'ECONNREFUSED' ? 'connect: connection refused' : error.message;
}

function authority(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
