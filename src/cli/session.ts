import { StatusError } from '../api/index.ts';
import { type Client, createClient, httpTransport, type Transport } from '../client/index.ts';
import { type ClusterFlags, readCluster } from './cluster.ts';
import type { CommandIo } from './command.ts';

/** A request in the words of the wire; `path` is percent-encoded. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
}

/** What a watch says; `object` is a Table when tables were asked for. */
export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

/** One command's talk with one API server; ends with the command. All throw StatusError for refusals. */
export interface Session extends Disposable {
  /** The namespace that the flags or the context name. */
  readonly namespace: string;
  /** True when a flag named it. */
  readonly namespaceGiven: boolean;
  readonly signal: AbortSignal;
  readonly client: Client;
  send(call: Call): Promise<unknown>;
  watch(call: Call, signal?: AbortSignal): AsyncIterable<WatchFrame>;
}

/** Opens a session on the cluster that the flags name; nothing is sent yet. */
export async function openSession(flags: ClusterFlags, io: CommandIo): Promise<Session> {
  const cluster = await readCluster(flags, io);
  const transport = httpTransport({ ...cluster.access, userAgent: 'nought' });
  const { signal } = io;
  return {
    namespace: flags.namespace ?? cluster.namespace,
    namespaceGiven: flags.namespace !== undefined,
    signal,
    client: createClient(transport, signal),
    send: async (call) => {
      const answer = await transport.send(request(call, signal));
      if (answer.status < 400) return answer.body;
      throw StatusError.fromResponse(answer.status, answer.body);
    },
    watch: (call, until = signal) => frames(transport, call, AbortSignal.any([signal, until])),
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

function request(call: Call, signal: AbortSignal) {
  const { method = 'GET', path, query = {}, body, contentType = 'application/json', accept } = call;
  return {
    method,
    path,
    query,
    body,
    contentType: body === undefined ? '' : contentType,
    ...(accept === undefined ? {} : { accept }),
    signal,
  };
}

async function* frames(
  transport: Transport,
  call: Call,
  signal: AbortSignal,
): AsyncGenerator<WatchFrame, void, undefined> {
  const query = { ...call.query, watch: 'true' };
  const answer = await transport.watch(request({ ...call, query }, signal));
  if (answer.kind === 'refused') throw StatusError.fromResponse(answer.status, answer.body);
  for await (const value of answer.events) {
    const frame = value as WatchFrame | { readonly type: 'ERROR'; readonly object: unknown };
    if (frame.type === 'ERROR') throw errorFrame(frame.object);
    yield frame;
  }
}

function errorFrame(object: unknown): StatusError {
  const code = (object as { readonly code?: unknown } | null)?.code;
  return StatusError.fromResponse(typeof code === 'number' ? code : 500, object);
}
