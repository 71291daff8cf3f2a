import { createServer, type AddressInfo, type Socket } from 'node:net';
import { names } from '../../api/index.ts';
import { podAddress } from './fake-pod.ts';

/** A pod that answers with bytes, for what no HTTP library would send. */
export interface RawPod extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Heads and bodies as they came, without those of probes. */
  readonly received: () => string;
  /** Connections that calls came over. */
  readonly connections: () => number;
}

/**
 * Answers each head of a call with what the function returns: bytes, or nothing after it has dealt with
 * the socket itself.
 */
export async function startRawPod(
  answer: (head: string, socket: Socket) => string | undefined,
): Promise<RawPod> {
  const host = podAddress();
  let received = '';
  const used = new Set<Socket>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      if (text.includes(names.readyPath)) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      received += text;
      used.add(socket);
      if (!text.includes('\r\n\r\n')) return;
      const bytes = answer(text, socket);
      if (bytes !== undefined) socket.write(bytes, 'latin1');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen({ host, port: 0 }, resolve);
  });
  return {
    host,
    port: (server.address() as AddressInfo).port,
    received: () => received,
    connections: () => used.size,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
