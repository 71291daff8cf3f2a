import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A TCP port of `host` that was free a moment ago; the port asked for when it is not 0. */
export async function choosePort(host: string, port: number): Promise<number> {
  if (port !== 0) return port;
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const chosen = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return chosen;
}
