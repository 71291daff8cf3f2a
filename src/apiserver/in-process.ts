import type { Dispatcher } from './routing/dispatch.ts';
import type { Answer, Payload, ServerRequest, User } from './request.ts';

/** What an in-process caller sends: the shape of the client's ApiRequest. */
export interface InProcessRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Percent-encoded path without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly contentType: string;
  /** The media types that the caller can read; JSON when left out. */
  readonly accept?: string;
  readonly signal: AbortSignal;
}

interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly body: unknown;
}

/** A transport (in the shape that the client room calls for) that needs no socket. */
export interface InProcessTransport {
  send(request: InProcessRequest): Promise<{ readonly status: number; readonly body: unknown }>;
  watch(
    request: InProcessRequest,
  ): Promise<Refused | { readonly kind: 'events'; readonly events: AsyncIterable<unknown> }>;
  stream(
    request: InProcessRequest,
  ): Promise<Refused | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array> }>;
}

/** Requests of one user, answered without bytes in between: objects go over as values. */
export function inProcessTransport(
  dispatcher: Dispatcher,
  user: User,
  stopped: AbortSignal,
): InProcessTransport {
  const ask = async (request: InProcessRequest): Promise<Answer> => {
    request.signal.throwIfAborted();
    stopped.throwIfAborted();
    const answer = await dispatcher.answer(serverRequest(request, user, stopped));
    request.signal.throwIfAborted();
    return answer;
  };
  return {
    send: async (request) => settled(await ask(request)),
    watch: async (request) => {
      const answer = await ask(request);
      if (answer.kind === 'watch') return { kind: 'events', events: valuesOf(answer.frames) };
      return { kind: 'refused', ...settled(answer) };
    },
    stream: async (request) => {
      const answer = await ask(request);
      if (answer.kind === 'stream') return { kind: 'stream', chunks: answer.chunks };
      return { kind: 'refused', ...settled(answer) };
    },
  };
}

function serverRequest(
  { method, path, query, body, contentType, accept = '', signal }: InProcessRequest,
  user: User,
  stopped: AbortSignal,
): ServerRequest {
  const streams = query['watch'] !== undefined || query['follow'] !== undefined;
  return {
    method,
    path,
    query: new URLSearchParams(query),
    accept,
    contentType,
    userAgent: '',
    ifNoneMatch: '',
    body: body === undefined ? { kind: 'none' } : { kind: 'value', value: body },
    user,
    // Only what lasts needs to hear of the server's end.
    signal: streams ? AbortSignal.any([signal, stopped]) : signal,
  };
}

function settled(answer: Answer): { readonly status: number; readonly body: unknown } {
  switch (answer.kind) {
    case 'payload':
      return { status: answer.status, body: answer.payload.value() };
    case 'text':
      return { status: answer.status, body: answer.text };
    case 'watch':
    case 'stream':
      throw new Error('Cannot send a request whose answer is a stream: use watch() or stream()');
  }
}

async function* valuesOf(frames: AsyncIterable<Payload>): AsyncGenerator<unknown, void, undefined> {
  for await (const frame of frames) yield frame.value();
}
