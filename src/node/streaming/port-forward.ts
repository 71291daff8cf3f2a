import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Sandbox } from '../runtime.ts';
import { resetReasons, SpdySession, type SpdyStream } from './spdy-session.ts';

export const portForwardProtocol = 'portforward.k8s.io';
/** The same in a websocket, whose messages then are pieces of one byte stream. */
export const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;

const lastPort = 65_535;
const connectTimeoutMs = 10_000;

/** The name of a pod and the address of its sandbox, as far as connecting needs them. */
export type ForwardTarget = Pick<Sandbox, 'pod' | 'address' | 'listensOn'>;

/**
 * Joins a client's connections to ports of a pod until the client has gone. For each it opens two
 * streams of the same request id: first one for errors, then one for data.
 */
export async function servePortForward(connection: Duplex, target: ForwardTarget): Promise<void> {
  const errors = new Map<string, SpdyStream>();
  const session: SpdySession = new SpdySession(connection, (stream) => {
    const id = stream.headers.get('requestid') ?? '';
    const port = Number(stream.headers.get('port'));
    if (!Number.isInteger(port) || port < 1 || port > lastPort) {
      session.reset(stream.id, resetReasons.protocolError);
      stream.destroy();
      return;
    }
    if (stream.headers.get('streamtype') === 'error') {
      errors.set(id, stream.resume());
      stream.once('close', () => errors.delete(id));
      return;
    }
    const error = errors.get(id);
    if (error === undefined) stream.destroy();
    else void forward({ data: stream, error, port }, target);
  });
  await session.run();
}

interface Forwarded {
  readonly data: SpdyStream;
  readonly error: SpdyStream;
  readonly port: number;
}

async function forward({ data, error, port }: Forwarded, target: ForwardTarget): Promise<void> {
  const { pod, address } = target;
  let connected = false;
  try {
    // Another pod that listens on all addresses would answer for this one.
    if (!(await target.listensOn(port))) {
      throw new Error(`dial tcp ${address}:${port}: connect: connection refused`);
    }
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('connect: timed out')));
    socket.once('connect', () => {
      connected = true;
      socket.setTimeout(0);
    });
    await Promise.all([
      pipeline(data, socket, { end: true }),
      pipeline(socket, data, { end: true }),
    ]);
    error.end();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    // At a word here kubectl gives up all its connections: the end of one says enough.
    if (connected || data.destroyed) error.end();
    else error.end(`error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${message}`);
    data.destroy();
  }
}
