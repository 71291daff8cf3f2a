import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { podAddress } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';

/** No power of two, so that no piece of it looks like the one that was read into the same memory before. */
const block = randomBytes(1_000_003);
const blocks = 8;
const size = block.length * blocks;
/** A reader lets so much come before it lets others have their turn. */
const patience = 300_000;

/** The body in pieces of all sizes. */
function* pieces(): Generator<Buffer, void, undefined> {
  let at = 0;
  let step = 1;
  while (at < size) {
    const start = at % block.length;
    const piece = block.subarray(start, Math.min(start + step, block.length));
    at += piece.length;
    step = step > 200_000 ? 1 : step * 3;
    yield piece;
  }
}

const expected = createHash('sha256');
for (let index = 0; index < blocks; index += 1) expected.update(block);
const digest = expected.digest('hex');

/** Reads a body now quickly, now not at all, so that what carries it has to wait. */
async function digestOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  let since = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    since += chunk.length;
    if (since < patience) continue;
    since = 0;
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  }
  return hash.digest('hex');
}

async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const came = await digestOf(incoming);
  response.setHeader('x-digest', came);
  if (incoming.url?.includes('length') === true) response.setHeader('content-length', size);
  await pipeline(Readable.from(pieces()), response);
}

describe('bodies', () => {
  for (const framing of ['length', 'chunked'] as const) {
    test(`of ${framing} pass both ways byte for byte, through readers that hesitate`, async () => {
      await using gateway = await Harness.start({ bodyBytes: size });
      const host = podAddress();
      await using server = createServer((incoming, response) => void serve(incoming, response));
      server.listen({ host, port: 0 });
      await once(server, 'listening');
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      gateway.function();
      gateway.pod({ host, port: address.port });
      const call = async (): Promise<void> => {
        const sent = request({
          port: gateway.port,
          host: '127.0.0.1',
          method: 'POST',
          path: `/default/diff?${framing}`,
          headers: framing === 'length' ? { 'content-length': size } : {},
        });
        const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
        await pipeline(Readable.from(pieces()), sent);
        const [response] = await answered;
        assert.equal(response.headers['x-digest'], digest);
        assert.equal(await digestOf(response), digest);
      };
      await Promise.all([call(), call(), call()]);
      await call();
    });
  }
});
