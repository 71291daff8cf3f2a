import { type ClientRequest, createServer, type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** A message as node:http reads it. */
export interface NodeMessage {
  readonly start: string;
  readonly body: string;
}

export interface NodeReading {
  /** Those that are complete. */
  readonly messages: readonly NodeMessage[];
  readonly error: string | undefined;
}

/** One end of a connection, whose other end the test is. */
class Wire extends Duplex {
  override _read(): void {
    // The test pushes.
  }

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}

const methodsWithBody = { maxHeaderSize: 32 * 1024, requireHostHeader: true } as const;

/** Reads requests with the parser of node:http, in pieces that end at the given offsets. */
export async function nodeRequests(bytes: Buffer, cuts: readonly number[]): Promise<NodeReading> {
  const messages: NodeMessage[] = [];
  let error: string | undefined;
  const server = createServer(methodsWithBody, (incoming, response) => {
    collect(incoming, (body) =>
      messages.push({ start: `${incoming.method} ${incoming.url}`, body }),
    );
    response.end();
  });
  server.on('clientError', (failure: NodeJS.ErrnoException) => {
    error ??= failure.code ?? failure.message;
  });
  const socket = new Wire();
  socket.on('error', () => undefined);
  server.emit('connection', socket);
  await feed(socket, bytes, cuts);
  socket.destroy();
  server.close();
  return { messages, error };
}

/** Reads one response to a request with this method. */
export async function nodeResponse(
  bytes: Buffer,
  cuts: readonly number[],
  options: { readonly method: string; readonly ends: boolean },
): Promise<NodeReading> {
  const messages: NodeMessage[] = [];
  let error: string | undefined;
  const socket = new Wire();
  socket.on('error', () => undefined);
  const sent: ClientRequest = request({
    method: options.method,
    host: 'x',
    maxHeaderSize: 128 * 1024,
    createConnection: () => socket,
  });
  sent.on('response', (incoming) => {
    incoming.on('error', () => undefined);
    collect(incoming, (body) => {
      if (incoming.complete) messages.push({ start: String(incoming.statusCode), body });
    });
  });
  sent.on('upgrade', () => (error ??= 'upgrade'));
  sent.on('error', (failure: NodeJS.ErrnoException) => {
    error ??= failure.code ?? failure.message;
  });
  sent.end();
  await feed(socket, bytes, cuts);
  if (options.ends) {
    socket.push(null);
    await settled();
  }
  socket.destroy();
  return { messages, error };
}

function collect(incoming: IncomingMessage, done: (body: string) => void): void {
  let body = '';
  incoming.setEncoding('latin1');
  incoming.on('data', (text: string) => (body += text));
  incoming.on('end', () => done(body));
}

async function feed(socket: Wire, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  await settled();
  let from = 0;
  for (const cut of [...new Set([...cuts, bytes.length])].toSorted((a, b) => a - b)) {
    if (cut <= from) continue;
    if (!socket.destroyed) socket.push(bytes.subarray(from, cut));
    from = cut;
    await settled();
  }
  await settled();
}

/** All that follows from what was pushed has happened. */
async function settled(): Promise<void> {
  await setImmediate();
  await setImmediate();
}
