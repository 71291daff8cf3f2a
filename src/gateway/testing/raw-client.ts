import { connect, type Socket } from 'node:net';
import { until } from './harness.ts';

/** A client that writes bytes and reads bytes, for what no HTTP library would send. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  received = '';
  ended = false;
  closed = false;

  constructor(port: number, allowHalfOpen = false) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => {
      this.received += chunk;
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until the pattern has come. */
  async until(pattern: RegExp | string): Promise<string> {
    await until(
      () =>
        typeof pattern === 'string' ? this.received.includes(pattern) : pattern.test(this.received),
      `${String(pattern)} in ${JSON.stringify(this.received.slice(0, 2000))}`,
    );
    return this.received;
  }

  /** Waits until the gateway has closed the connection. */
  async untilClosed(): Promise<string> {
    await until(() => this.ended || this.closed, 'the connection is closed');
    return this.received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends bytes, and returns all that comes until the gateway closes. */
export async function exchangeRaw(port: number, text: string): Promise<string> {
  using client = new RawClient(port);
  return await client.send(text).untilClosed();
}
