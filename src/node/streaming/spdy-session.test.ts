import assert from 'node:assert/strict';
import { duplexPair, type Duplex } from 'node:stream';
import { test } from 'node:test';
import { createDeflate, createInflate, constants } from 'node:zlib';
import * as fc from 'fast-check';
import { eventually } from '../testing/eventually.ts';
import { spdyDictionary } from './spdy-headers.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

const codec = { dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH };

/** The far side: writes frames, and keeps what comes. */
class Client {
  readonly connection: Duplex;
  readonly streams: SpdyStream[] = [];
  readonly ended: Promise<void>;
  received = Buffer.alloc(0);
  readonly #deflate = createDeflate(codec);

  constructor(take: (stream: SpdyStream) => void = () => undefined) {
    const [near, far] = duplexPair();
    this.connection = near;
    near.on('error', () => undefined);
    near.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    this.ended = new SpdySession(far, (stream) => {
      this.streams.push(stream);
      take(stream);
    }).run();
    this.ended.catch(() => undefined);
  }

  async open(id: number, headers: Readonly<Record<string, string>>): Promise<void> {
    const entries = Object.entries(headers);
    const parts = [number32(entries.length)];
    for (const text of entries.flat()) parts.push(number32(text.length), Buffer.from(text));
    const block = await new Promise<Buffer>((resolve) => {
      const packed: Buffer[] = [];
      const take = (part: Buffer): void => void packed.push(part);
      this.#deflate.on('data', take);
      this.#deflate.write(Buffer.concat(parts), () => {
        this.#deflate.off('data', take);
        resolve(Buffer.concat(packed));
      });
    });
    this.control(1, Buffer.concat([number32(id), number32(0), Buffer.alloc(2), block]));
  }

  control(type: number, body: Buffer): void {
    const head = Buffer.from([0x80, 3, 0, type, 0, 0, 0, 0]);
    head.writeUIntBE(body.length, 5, 3);
    this.connection.write(Buffer.concat([head, body]));
  }

  data(id: number, text: string, flags = 0): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id);
    head.writeUInt8(flags, 4);
    head.writeUIntBE(text.length, 5, 3);
    this.connection.write(Buffer.concat([head, Buffer.from(text)]));
  }

  /** The frames that have come: type (0 is data), stream, flags, body. */
  frames(): readonly { type: number; id: number; flags: number; body: Buffer }[] {
    const found = [];
    for (let at = 0; at + 8 <= this.received.length;) {
      const isControl = (this.received[at] ?? 0) >= 0x80;
      const end = at + 8 + this.received.readUIntBE(at + 5, 3);
      if (end > this.received.length) break;
      const body = this.received.subarray(at + 8, end);
      found.push({
        type: isControl ? this.received.readUInt16BE(at + 2) : 0,
        id: isControl ? body.readUInt32BE(0) : this.received.readUInt32BE(at),
        flags: this.received[at + 4] ?? 0,
        body,
      });
      at = end;
    }
    return found;
  }
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

test('SpdySession opens streams with their headers, and joins both directions of each', async () => {
  const client = new Client((stream) => void stream.pipe(stream));
  await client.open(1, { Port: '80', StreamType: 'data' });
  await client.open(3, { Port: '81', StreamType: 'data' });
  client.data(3, 'three');
  client.data(1, 'one');
  client.data(1, '', 1);
  await eventually('one has ended', () =>
    client.frames().some((f) => f.type === 0 && f.flags === 1),
  );
  const [first, second] = client.streams;
  assert.deepEqual(
    [...(first?.headers ?? [])],
    [
      ['port', '80'],
      ['streamtype', 'data'],
    ],
  );
  assert.equal(second?.headers.get('port'), '81');
  const texts = client.frames().filter((f) => f.type === 0);
  assert.deepEqual(texts.map((f) => `${f.id} ${String(f.body)} ${f.flags}`).toSorted(), [
    '1  1',
    '1 one 0',
    '3 three 0',
  ]);
  const replies = client.frames().filter((f) => f.type === 2);
  assert.deepEqual(
    replies.map((f) => f.id),
    [1, 3],
  );
  const inflate = createInflate(codec);
  const unpacked: Buffer[] = [];
  inflate.on('data', (part: Buffer) => unpacked.push(part));
  for (const { body } of replies) inflate.write(body.subarray(4));
  await eventually('replies are unpacked', () => Buffer.concat(unpacked).length === 8);
  client.connection.end();
  await client.ended;
  assert.ok(client.streams.every((stream) => stream.destroyed));
});

test('SpdySession echoes pings and takes the end of a stream by reset', async () => {
  const client = new Client((stream) => void stream.resume());
  await client.open(5, {});
  client.control(6, number32(7));
  client.control(3, Buffer.concat([number32(5), number32(5)]));
  await eventually('the ping is back', () =>
    client.frames().some((f) => f.type === 6 && f.id === 7),
  );
  await eventually('the stream is gone', () => client.streams[0]?.destroyed === true);
  client.connection.end();
  await client.ended;
});

test('SpdySession reads no further while a stream is full', async () => {
  const client = new Client();
  await client.open(1, {});
  const piece = 'x'.repeat(64 * 1024);
  for (let count = 0; count < 100; count += 1) client.data(1, piece);
  await eventually(
    'the stream is full',
    () => (client.streams[0]?.readableLength ?? 0) >= 256 * 1024,
  );
  assert.ok(client.connection.writableLength > 1_000_000, 'most waits on the far side');
  let size = 0;
  client.streams[0]?.on('data', (chunk: Buffer) => (size += chunk.length));
  await eventually('all has come', () => size === 100 * piece.length);
  client.connection.end();
  await client.ended;
});

test('SpdySession refuses more streams than it serves, and goes on', async () => {
  const client = new Client();
  for (let index = 0; index < 258; index += 1) await client.open(index * 2 + 1, {});
  const resets = (): number => client.frames().filter((f) => f.type === 3).length;
  await eventually('two are refused', () => resets() === 2);
  assert.equal(client.streams.length, 256);
  client.connection.end();
  await client.ended;
});

test('SpdySession ends with a RangeError or quietly, whatever it is sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom([], [0x80, 3, 0, 1, 0, 0, 0, 20], [0x80, 3, 0, 3, 0, 0, 0, 2], [0, 0, 0, 1]),
      async (bytes, start) => {
        const client = new Client();
        client.connection.end(Buffer.from([...start, ...bytes]));
        await client.ended.catch((error: unknown) => assert.ok(error instanceof Error));
        assert.ok(client.streams.every((stream) => stream.destroyed));
      },
    ),
    { numRuns: 300 },
  );
});
