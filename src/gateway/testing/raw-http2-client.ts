import { connect, type TLSSocket } from 'node:tls';
import { until } from './harness.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frame = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
};
export const flag = { endStream: 1, ack: 1, endHeaders: 4 };

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that writes frames, for what no HTTP/2 library would send. */
export class RawHttp2Client implements Disposable {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  closed = false;
  #rest = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(port: number): Promise<RawHttp2Client> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    const client = new RawHttp2Client(socket);
    socket.write(preface);
    client.send(frame.settings, 0, 0);
    await until(() => client.frames.some(({ type }) => type === frame.settings), 'settings');
    client.send(frame.settings, flag.ack, 0);
    return client;
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    this.socket.write(frameOf(type, flags, stream, payload));
  }

  /** A stream with these fields and nothing else. */
  request(stream: number, fields: readonly (readonly [string, string])[], ended = true): void {
    const flags = flag.endHeaders | (ended ? flag.endStream : 0);
    this.send(frame.headers, flags, stream, headerBlock(fields));
  }

  /** Waits for a frame. */
  async until(type: number, stream: number, what: string): Promise<Frame> {
    const find = (): Frame | undefined =>
      this.frames.find((each) => each.type === type && each.stream === stream);
    await until(() => find() !== undefined || this.closed, what);
    const found = find();
    if (found === undefined) throw new Error(`Closed before: ${what}`);
    return found;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #data(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      this.frames.push({
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: this.#rest.subarray(9, 9 + length),
      });
      this.#rest = this.#rest.subarray(9 + length);
    }
  }
}

export function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as HPACK literals without indexing or Huffman coding (RFC 7541 section 6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [
    Buffer.from([0]),
    literal(name),
    literal(value),
  ]);
  return Buffer.concat(parts);
}

/** A string with its length as an integer of 7 bits (RFC 7541 sections 5.1, 5.2). */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const size: number[] = [127];
  let left = bytes.length - 127;
  while (left >= 128) {
    size.push((left & 127) | 128);
    left >>= 7;
  }
  size.push(left);
  return Buffer.concat([Buffer.from(size), bytes]);
}
