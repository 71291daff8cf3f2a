import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { RuntimeContainer, RuntimeExec } from '../runtime.ts';
import type { ExecRequest } from './exec-request.ts';
import { resize, runCommand } from './run-command.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

/** How long a client may take to open the streams that its request names. */
const streamsMs = 30_000;
/** Longest message on the resize stream. */
const maxResizeChars = 4096;

type Streams = ReadonlyMap<string, SpdyStream>;

/** The same as over a websocket for clients that fall back: a SPDY stream for each channel. */
export async function serveRemoteCommandBySpdy(
  connection: Duplex,
  container: RuntimeContainer,
  request: ExecRequest,
): Promise<void> {
  const gone = new AbortController();
  const wanted = ['error', ...namesOf(request)];
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<void>();
  const session = new SpdySession(connection, (stream) => {
    const name = stream.headers.get('streamtype') ?? '';
    if (!wanted.includes(name) || streams.has(name)) return void stream.destroy();
    streams.set(name, stream);
    if (streams.size === wanted.length) complete.resolve();
  });
  const timer = setTimeout(() => connection.destroy(), streamsMs);
  const work = async (): Promise<void> => {
    await complete.promise;
    clearTimeout(timer);
    await converse(streams, container, { request, signal: gone.signal });
    connection.end();
  };
  // A client that has gone hears nothing any more.
  work().catch(() => connection.destroy());
  try {
    await session.run();
  } finally {
    clearTimeout(timer);
    gone.abort(new Error('The client has gone'));
  }
}

function namesOf({ stdin, stdout, stderr, terminal }: ExecRequest): readonly string[] {
  const asked = { stdin, stdout, stderr, resize: terminal };
  return Object.entries(asked).flatMap(([name, is]) => (is ? [name] : []));
}

async function converse(
  streams: Streams,
  container: RuntimeContainer,
  { request, signal }: { readonly request: ExecRequest; readonly signal: AbortSignal },
): Promise<void> {
  for (const name of ['error', 'stdout', 'stderr']) streams.get(name)?.resume();
  const status = await runCommand(container, {
    request,
    signal,
    take: (exec) => hear(streams, exec),
    show: (to, bytes) => write(streams.get(to), bytes),
  });
  const error = streams.get('error');
  for (const name of ['stdout', 'stderr']) streams.get(name)?.end();
  error?.end(status.status === 'Success' ? '' : JSON.stringify(status));
  for (const name of ['stdin', 'resize']) streams.get(name)?.resume().end();
  const all = [...streams.values()].map((stream) => finished(stream, { readable: false }));
  await Promise.all(all);
}

/** Hands what the client sends to the command. */
function hear(streams: Streams, exec: RuntimeExec): void {
  const { stdin } = exec;
  const keys = streams.get('stdin');
  if (stdin !== undefined && keys !== undefined) {
    keys.pipe(stdin);
    // What a command does not take holds nothing up.
    stdin.once('close', () => keys.resume());
  }
  let text = '';
  streams.get('resize')?.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n');
    text = (lines.pop() ?? '').slice(-maxResizeChars);
    for (const line of lines) resize(exec, line);
  });
}

function write(stream: SpdyStream | undefined, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream === undefined) return resolve();
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
