import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type FunctionServer, type Language, startServer } from './testing/function-server.ts';

interface Sample {
  readonly handler: string;
  readonly echo: string;
  readonly flood: string;
  /** Takes its body as a stream, and answers with the number of bytes. */
  readonly count: string;
  readonly signature: string;
  /** Answers without looking at the body. */
  readonly deaf: string;
  /** Answers the query's `body` with its `length` as the length that it states. */
  readonly stated: string;
}

const samples: Record<Language, Sample> = {
  node: {
    handler: 'index.js',
    echo: 'export default (input, ctx) => ({ input, path: ctx.path });',
    flood:
      'const piece = new Uint8Array(1 << 20);\nexport default function* () { for (;;) yield piece; }',
    signature: 'fetch',
    count:
      'export default { async fetch(request) { let size = 0; for await (const piece of request.body ?? []) size += piece.length; return new Response(String(size)); } };',
    deaf: 'export default { fetch: () => new Response("ok") };',
    stated:
      'export default { fetch({ url }) { const { body, length } = Object.fromEntries(new URL(url).searchParams); const headers = { "content-length": length, date: "yesterday", connection: "close", "transfer-encoding": "gzip" }; return new Response(body, { headers }); } };',
  },
  python: {
    handler: 'main.py',
    echo: 'def handler(event, ctx): return {"input": event, "path": ctx.path}',
    flood: 'piece = bytes(1 << 20)\ndef handler(event):\n    while True: yield piece',
    signature: 'asgi',
    count: `
async def app(scope, receive, send):
    if scope["type"] == "lifespan": return
    size = 0
    while True:
        message = await receive()
        size += len(message["body"])
        if not message["more_body"]: break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})
`,
    deaf: `
async def app(scope, receive, send):
    if scope["type"] == "lifespan": return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
`,
    stated: `
from urllib.parse import parse_qs
async def app(scope, receive, send):
    if scope["type"] == "lifespan": return
    query = parse_qs(scope["query_string"])
    headers = [(b"content-length", query[b"length"][0]), (b"date", b"yesterday"), (b"connection", b"close"), (b"transfer-encoding", b"gzip")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": query[b"body"][0], "more_body": True})
    await send({"type": "http.response.body"})
`,
  },
};

const refused: Readonly<Record<string, readonly [number, string]>> = {
  'two lengths': [
    400,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
  ],
  'a list of lengths': [400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx'],
  'a length with a sign': [400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx'],
  'length and chunks': [
    400,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  'two codings': [
    501,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  'an odd coding': [
    501,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  ],
  'chunks in HTTP/1.0': [400, 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  'a folded line': [400, 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
  'a space before the colon': [400, 'GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n'],
  'a field without a colon': [400, 'GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n'],
  'an empty name': [400, 'GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n'],
  'a bare line feed': [400, 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  'a bare carriage return': [400, 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n'],
  'a NUL in a value': [400, 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
  'no host': [400, 'GET / HTTP/1.1\r\n\r\n'],
  'two hosts': [400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  'a malformed method': [400, 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n'],
  'a malformed target': [400, 'GET foo HTTP/1.1\r\nHost: a\r\n\r\n'],
  'a second space': [400, 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'],
  'no version': [400, 'GET /\r\nHost: a\r\n\r\n'],
  'another version': [505, 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  'a head without end': [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}`],
  'too many fields': [431, `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(600)}\r\n`],
  'a bad size of a chunk': [400, chunks('0x1\r\na\r\n0\r\n\r\n')],
  'a negative size of a chunk': [400, chunks('-1\r\na\r\n0\r\n\r\n')],
  'a huge size of a chunk': [400, chunks('fffffffffffffffff\r\na\r\n0\r\n\r\n')],
  'a chunk longer than its size': [400, chunks('1\r\nab\r\n0\r\n\r\n')],
  'a size that ends with a bare line feed': [400, chunks('1\na\r\n0\r\n\r\n')],
  'an extension with a bare carriage return': [400, chunks('1;a\rb\r\na\r\n0\r\n\r\n')],
  'a size line without end': [400, chunks(`1;${'x'.repeat(20_000)}`)],
};

for (const language of ['node', 'python'] as const) {
  const sample = samples[language];
  const { handler, signature } = sample;
  const start = (text: string, more: object = {}): Promise<FunctionServer> =>
    startServer({ language, files: { [handler]: text }, handler, ...more });
  const application = language === 'node' ? handler : `${handler}:app`;

  describe(`HTTP of the ${language} function server`, { concurrency: 2 }, () => {
    test('refuses what could be read in two ways, and ends the connection', async () => {
      await using server = await start(sample.echo);
      for (const [name, [status, text]] of Object.entries(refused)) {
        const answer = await converse(server, text);
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), name);
        assert.match(answer, /\r\ncontent-type: application\/problem\+json\r\n/, name);
        assert.equal(answer.match(/HTTP\/1.1 \d/g)?.length, 1, name);
      }
      assert.equal((await server.call({})).status, 200);
      assert.equal(server.stderr, '');
    });

    test('answers the requests of one connection in turn, however they come', async () => {
      await using server = await start(sample.echo);
      const requests = [
        post('/1', '{"n":1}'),
        'GET /2?a=b HTTP/1.1\r\nHost: a\r\n\r\n',
        'POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{"n\r\n0004\r\n":3}\r\n0\r\nTrailer: t\r\n\r\n',
        '\r\nGET http://other/4 HTTP/1.1\r\nHost: a\r\n\r\n',
        post('/5', `"${'é'.repeat(300)}"`),
      ];
      const whole = Buffer.from(requests.join(''));
      const expected = [
        '{"input":{"n":1},"path":"/1"}',
        '{"input":{"a":"b"},"path":"/2"}',
        '{"input":{"n":3},"path":"/3"}',
        '{"input":{},"path":"/4"}',
        `{"input":"${'é'.repeat(300)}","path":"/5"}`,
      ];
      const cuts = fc.array(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(cuts, async (places) => {
          const ends = [...places.toSorted((a, b) => a - b), whole.length];
          const pieces = ends.map((end, at) => whole.subarray(ends[at - 1] ?? 0, end));
          assert.deepEqual(bodies(await converse(server, ...pieces)), expected);
        }),
        { numRuns: 40 },
      );
    });

    test('outlives whatever is sent, and answers nothing but HTTP', async () => {
      await using server = await start(sample.echo);
      const seeds = [
        ...Object.values(refused).map(([, text]) => text.slice(0, 300)),
        post('/', '{"n":1}'),
        chunks('3;x=y\r\n{"n\r\n4\r\n":3}\r\n0\r\nT: t\r\n\r\n'),
      ];
      const mutation = fc.record({
        at: fc.nat(300),
        cut: fc.nat(6),
        text: fc.oneof(
          fc.constantFrom('\r\n', '\n', '\r', '0', ' ', ':', '\r\n\r\n', 'chunked', '\0', 'é'),
          fc.string({ maxLength: 5 }),
        ),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...seeds),
          fc.array(mutation, { minLength: 1, maxLength: 4 }),
          async (seed, mutations) => {
            let text = seed;
            for (const { at, cut, text: more } of mutations) {
              text = text.slice(0, at) + more + text.slice(at + cut);
            }
            const answer = await converse(server, text);
            assert.match(answer, /^$|^HTTP\/1\.1 \d{3} /);
          },
        ),
        { numRuns: 150 },
      );
      assert.equal((await server.call({})).status, 200);
      assert.equal(server.stderr, '');
    });

    test('keeps HTTP/1.0 connections only when asked, and closes when asked', async () => {
      await using server = await start(sample.echo);
      const once10 = await converse(server, 'GET / HTTP/1.0\r\n\r\n');
      assert.match(once10, /^HTTP\/1.1 200 .*\r\nconnection: close\r\n/s);
      const kept = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
      assert.equal(bodies(await converse(server, kept + kept)).length, 2);
      const closing = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
      assert.equal(bodies(await converse(server, closing + closing)).length, 1);
    });

    test('sends no body for HEAD and 204', async () => {
      await using server = await start(sample.echo);
      const head = await converse(server, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(head, /\r\ncontent-length: [1-9]\d*\r\n.*\r\n\r\n$/s);
      assert.match(head, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
    });

    test('gives leave to send a body that it wants, and none to one that is too large', async () => {
      await using server = await start(sample.echo);
      const socket = await connected(server);
      const head = (size: number): string =>
        `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${size}\r\n\r\n`;
      socket.write(head(7));
      const [leave] = (await once(socket, 'data')) as [Buffer];
      assert.equal(String(leave), 'HTTP/1.1 100 Continue\r\n\r\n');
      socket.write('{"n":1}');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(String(answer), /"n":1/);
      socket.destroy();
      assert.match(await converse(server, head(9_000_000)), /^HTTP\/1.1 413 /);
    });

    test('keeps the connection of a caller whose small body nobody read', async () => {
      await using server = await start(sample.deaf, { signature, handler: application });
      const text = post('/', 'x'.repeat(20_000));
      const answer = await converse(server, text.slice(0, 200), text.slice(200) + text);
      assert.equal(answer.match(/HTTP\/1.1 200 /g)?.length, 2);
    });

    test('states the length that the function states, and breaks off what differs', async () => {
      await using server = await start(sample.stated, { signature, handler: application });
      const ask = (length: number): string =>
        `GET /?body=four&length=${length} HTTP/1.1\r\nHost: a\r\n\r\n`;
      const right = await converse(server, ask(4) + ask(4));
      assert.deepEqual(bodies(right), ['four', 'four']);
      assert.equal(right.match(/date: /g)?.length, 2);
      assert.doesNotMatch(right, /close|encoding/);
      for (const wrong of [3, 5]) {
        // Broken off, so that nobody takes what follows for a second answer.
        const answer = await converse(server, ask(wrong) + ask(4)).catch(() => '');
        assert.ok((answer.match(/HTTP\/1\.1/g) ?? []).length <= 1, answer);
      }
    });

    test('reads a large body as a stream, in little memory', async () => {
      await using server = await start(sample.count, { signature, handler: application });
      await server.ready;
      await server.call({});
      const before = peakMiB(server);
      const size = 320 * 1024 * 1024;
      const socket = await connected(server);
      const answer = all(socket);
      socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
      );
      const block = Buffer.alloc(1 << 20);
      for (let sent = 0; sent < size; sent += block.length) {
        if (!socket.write(block)) await once(socket, 'drain');
      }
      assert.match(await answer, new RegExp(`${size}`));
      assert.ok(peakMiB(server) - before < 160, `${peakMiB(server) - before} MiB more`);
    });

    test('produces no more than its caller takes', async () => {
      await using server = await start(sample.flood);
      await server.ready;
      const before = peakMiB(server);
      const socket = await connected(server);
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      let taken = 0;
      for await (const chunk of socket) {
        taken += (chunk as Buffer).length;
        if (taken > 64 * 1024 * 1024) break;
      }
      assert.ok(peakMiB(server) - before < 64, `${peakMiB(server) - before} MiB more`);
    });
  });
}

function chunks(body: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function connected(server: FunctionServer): Promise<Socket> {
  await server.ready;
  const { port, hostname } = new URL(server.url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Sends the pieces one by one, closes its side, and resolves to all that comes back. */
async function converse(
  server: FunctionServer,
  ...pieces: readonly (string | Uint8Array)[]
): Promise<string> {
  const socket = await connected(server);
  const answer = all(socket);
  for (const piece of pieces) {
    const flushed = Promise.withResolvers<void>();
    socket.write(piece, () => flushed.resolve());
    await flushed.promise;
  }
  socket.end();
  return answer;
}

/** All that comes until the other side closes. */
async function all(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

/** The bodies of answers that have a length. */
function bodies(text: string): string[] {
  const found: string[] = [];
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const length = /content-length: (\d+)/.exec(rest.subarray(0, end).toString())?.[1] ?? '0';
    found.push(rest.subarray(end, end + Number(length)).toString());
    rest = rest.subarray(end + Number(length));
  }
  return found;
}

/** The most memory that the server has had so far. */
function peakMiB(server: FunctionServer): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
