import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Language, startServer, type StartOptions } from './testing/function-server.ts';

interface Sample {
  readonly language: Language;
  readonly file: string;
  readonly diff: string;
  readonly throws: string;
  readonly nothing: string;
  readonly stream: string;
  readonly asynchronous: string;
  readonly exits: string;
  readonly syntaxError: string;
  readonly importError: string;
  readonly noHandler: string;
  readonly ownServer: string;
  readonly context: string;
  /** Says "waiting", and "gone" once its caller has left. */
  readonly patient: string;
}

const samples: readonly Sample[] = [
  {
    language: 'node',
    file: 'index.js',
    diff: 'export default ({ x, y }) => ({ x: x - y, y: y - x });',
    throws: 'export default () => {\n  throw new Error("no luck");\n};',
    nothing: 'export default () => undefined;',
    stream: 'export default function* () { yield "a"; yield "b"; }',
    asynchronous: 'export default async (input) => { await null; return { got: input }; };',
    exits: 'export default () => process.exit(3);',
    syntaxError: 'export default () => 1;\nconst x = = 2;\n',
    importError: 'export default () => 1;\nnull.foo;\n',
    noHandler: 'export const other = 1;',
    ownServer:
      'import { createServer } from "node:http";\ncreateServer((q, s) => s.end("own")).listen(Number(process.env.PORT));',
    context:
      'export default (input, ctx) => ({ method: ctx.method, path: ctx.path, query: ctx.query, id: ctx.requestId, type: ctx.headers["content-type"], input });',
    patient:
      'export default async (input, ctx) => { ctx.log("waiting"); await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve)); ctx.log.warn("gone", { why: "left" }); };',
  },
  {
    language: 'python',
    file: 'main.py',
    diff: 'def handler(event, ctx=None): return {"x": event["x"] - event["y"], "y": event["y"] - event["x"]}',
    throws: 'def handler(event):\n    raise ValueError("no luck")',
    nothing: 'def handler(event): pass',
    stream: 'def handler(event):\n    yield "a"\n    yield "b"',
    asynchronous: 'async def handler(event, ctx):\n    return {"got": event}',
    exits: 'import sys\ndef handler(event): sys.exit(3)',
    syntaxError: 'def handler(event): return 1\nx = = 2\n',
    importError: 'def handler(event): return 1\nNone.foo\n',
    noHandler: 'other = 1',
    ownServer:
      'import os\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\nclass H(BaseHTTPRequestHandler):\n    def do_POST(self):\n        self.send_response(200)\n        self.end_headers()\n        self.wfile.write(b"own")\nHTTPServer(("", int(os.environ["PORT"])), H).serve_forever()',
    context:
      'def handler(event, ctx): return {"method": ctx.method, "path": ctx.path, "query": ctx.query, "id": ctx.requestId, "type": ctx.headers.get("content-type"), "input": event}',
    patient: `
import time
def handler(event, ctx):
    ctx.log("waiting")
    while not ctx.signal.aborted: time.sleep(0.01)
    ctx.log.warn("gone", why="left")`,
  },
];

for (const sample of samples) {
  const start = (text: string, more: Partial<StartOptions> = {}): ReturnType<typeof startServer> =>
    startServer({
      language: sample.language,
      files: { [sample.file]: text },
      handler: sample.file,
      ...more,
    });

  describe(`the ${sample.language} function server`, { concurrency: 2 }, () => {
    test('answers a JSON call and says when it is ready', async () => {
      await using server = await start(sample.diff);
      assert.equal(await server.ready, true);
      const answer = await server.call({ x: 1, y: 2 });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(await answer.text(), '{"x":-1,"y":1}');
    });

    test('answers a call that came before it was ready', async () => {
      await using server = await start(sample.diff);
      assert.equal(await (await server.call({ x: 3, y: 1 })).text(), '{"x":2,"y":-2}');
    });

    test('answers its ready path itself', async () => {
      await using server = await start(sample.throws);
      const answer = await fetch(new URL('/.well-known/nought/ready', server.url));
      assert.equal(answer.status, 200);
      await answer.text();
    });

    test('gives the handler its context', async () => {
      await using server = await start(sample.context);
      const headers = { 'x-request-id': 'r1', 'content-type': 'application/json' };
      const posted = await fetch(new URL('/a/b?q=1', server.url), {
        method: 'POST',
        body: '[1]',
        headers,
      });
      assert.deepEqual(await posted.json(), {
        method: 'POST',
        path: '/a/b',
        query: { q: '1' },
        id: 'r1',
        type: 'application/json',
        input: [1],
      });
      const got = (await (await fetch(new URL('/?n=5', server.url))).json()) as { input: unknown };
      assert.deepEqual(got.input, { n: '5' });
    });

    test('tells the handler when its caller has gone, and logs lines with the request id', async () => {
      await using server = await start(sample.patient);
      await server.ready;
      const { port, hostname } = new URL(server.url);
      const caller = connect(Number(port), hostname);
      caller.write('GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: r7\r\n\r\n');
      const output = server.process.stdout as NodeJS.ReadableStream;
      while (!server.stdout.includes('waiting')) await once(output, 'data');
      caller.destroy();
      while (!server.stdout.includes('gone')) await once(output, 'data');
      const lines = server.stdout.trim().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        [
          { level: 'info', message: 'waiting', requestId: 'r7' },
          { level: 'warn', message: 'gone', requestId: 'r7', why: 'left' },
        ],
      );
    });

    test('joins what comes twice, and makes up a request id', async () => {
      await using server = await start(sample.context);
      const { port, hostname } = new URL(server.url);
      const caller = connect(Number(port), hostname);
      caller.end(
        'GET /a%20b?q=1&q=%C3%A9+2 HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nConstructor: c\r\n__proto__: p\r\n\r\n',
      );
      let text = '';
      for await (const chunk of caller) text += String(chunk);
      const told = JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as Record<string, unknown>;
      assert.equal(told['path'], '/a%20b');
      assert.deepEqual(told['query'], { q: 'é 2' });
      assert.match(String(told['id']), /^[0-9a-f-]{32,36}$/);
    });

    test('awaits an asynchronous handler', async () => {
      await using server = await start(sample.asynchronous);
      assert.deepEqual(await (await server.call({ a: 'ü' })).json(), { got: { a: 'ü' } });
    });

    test('answers 204 for nothing', async () => {
      await using server = await start(sample.nothing);
      assert.equal((await server.call({})).status, 204);
    });

    test('streams what a generator yields', async () => {
      await using server = await start(sample.stream);
      assert.equal(await (await server.call({})).text(), 'ab');
      const events = await server.call({}, { headers: { accept: 'text/event-stream' } });
      assert.equal(events.headers.get('content-type'), 'text/event-stream');
      assert.equal(await events.text(), 'data: a\n\ndata: b\n\n');
    });

    test('answers invalid JSON with 400 and does not call the handler', async () => {
      await using server = await start(sample.exits);
      const answer = await server.call({}, { body: '{"x":' });
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.match(((await answer.json()) as { detail: string }).detail, /no valid JSON/);
    });

    test('answers a body over 8 MiB with 413, by its length and while it streams', async () => {
      await using server = await start(sample.diff);
      await server.ready;
      const block = Buffer.alloc(1024 * 1024, 32);
      const streamed = (): ReadableStream<Uint8Array> => {
        let left = 9;
        return new ReadableStream({
          pull: (controller) => {
            if (left-- > 0) controller.enqueue(block);
            else controller.close();
          },
        });
      };
      for (const body of [Buffer.alloc(8 * 1024 * 1024 + 1, 32), streamed()]) {
        const answer = await fetch(server.url, { method: 'POST', body, duplex: 'half' });
        assert.equal(answer.status, 413);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json');
        assert.match(((await answer.json()) as { detail: string }).detail, /8388608 bytes/);
      }
    });

    test('answers a throw with 500, the message, and no stack', async () => {
      await using server = await start(sample.throws);
      const answer = await server.call({});
      const text = await answer.text();
      assert.equal(answer.status, 500);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal((JSON.parse(text) as { detail: string }).detail, 'no luck');
      assert.ok(!text.includes(sample.file));
      server.process.kill('SIGTERM');
      await server.exited;
      assert.match(server.stderr, new RegExp(sample.file));
    });

    test('reports a syntax error with file and line, and ends with 1', async () => {
      await using server = await start(sample.syntaxError);
      assert.equal(await server.ready, false);
      assert.equal(await server.exited, 1);
      const reason = server.terminationMessage() as Record<string, unknown>;
      assert.equal(reason['kind'], 'LoadError');
      assert.equal(reason['file'], sample.file);
      assert.equal(reason['line'], 2);
      assert.match(String(reason['message']), /^SyntaxError: /);
    });

    test('reports an error of the import with file and line', async () => {
      await using server = await start(sample.importError);
      assert.equal(await server.exited, 1);
      const { file, line } = server.terminationMessage() as Record<string, unknown>;
      assert.deepEqual({ file, line }, { file: sample.file, line: 2 });
    });

    test('tells the file of an error as it is mounted by a kubelet', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'nought-mounted-'));
      mkdirSync(join(folder, 'code', '..2026_11'), { recursive: true });
      writeFileSync(join(folder, 'code', '..2026_11', sample.file), sample.importError);
      symlinkSync('..2026_11', join(folder, 'code', '..data'));
      symlinkSync(join('..data', sample.file), join(folder, 'code', sample.file));
      await using server = await startServer({
        language: sample.language,
        files: {},
        handler: sample.file,
        folder,
      });
      assert.equal(await server.exited, 1);
      const { file, line } = server.terminationMessage() as Record<string, unknown>;
      assert.deepEqual({ file, line }, { file: sample.file, line: 2 });
    });

    test('reports a missing handler and a missing file by name', async () => {
      await using server = await start(sample.noHandler);
      assert.equal(await server.exited, 1);
      assert.match(JSON.stringify(server.terminationMessage()), /other/);
      await using missing = await start(sample.diff, { handler: 'nope.txt' });
      assert.equal(await missing.exited, 1);
      assert.match(JSON.stringify(missing.terminationMessage()), /nope\.txt/);
    });

    test('ends when the handler ends the process', async () => {
      await using server = await start(sample.exits);
      await assert.rejects(server.call({}));
      assert.equal(await server.exited, 3);
    });

    test('lets the code listen itself under signature http', async () => {
      await using server = await start(sample.ownServer, { signature: 'http' });
      assert.equal(await server.ready, true);
      assert.equal(await (await server.call({})).text(), 'own');
    });

    test('takes calls for a moment after SIGTERM and then ends', async () => {
      await using server = await start(sample.diff);
      await server.ready;
      server.process.kill('SIGTERM');
      const answer = await server.call({ x: 1, y: 2 });
      assert.equal(await answer.text(), '{"x":-1,"y":1}');
      assert.equal(await server.exited, 0);
    });

    test('refuses a body with two framings', async () => {
      await using server = await start(sample.diff);
      await server.ready;
      const { port, hostname } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      socket.end(
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      );
      const [first] = (await once(socket, 'data')) as [Buffer];
      assert.match(first.toString('latin1'), /^HTTP\/1\.1 400 /);
      socket.destroy();
    });
  });
}

for (const [name, text] of [
  ['index.ts', 'export default ({ x, y }: { x: number; y: number }) => ({ x: x - y, y: y - x });'],
  ['index.js', 'export default ({ x, y }: { x: number; y: number }) => ({ x: x - y, y: y - x });'],
  ['index.js', 'module.exports = ({ x, y }) => ({ x: x - y, y: y - x });'],
  ['index.js', 'await null;\nexport default ({ x, y }) => ({ x: x - y, y: y - x });'],
  ['index.js', 'exports.default = ({ x, y }) => ({ x: x - y, y: y - x });'],
] as const) {
  test(`the node function server takes ${name}: ${text.slice(0, 40)}`, async () => {
    await using server = await startServer({
      language: 'node',
      files: { [name]: text },
      handler: name,
    });
    assert.equal(await (await server.call({ x: 1, y: 2 })).text(), '{"x":-1,"y":1}');
  });
}

test('the node function server serves a web-standard fetch handler', async () => {
  const text =
    'export default { async fetch(request) { return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, { status: 201, headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }); } };';
  await using server = await startServer({
    language: 'node',
    files: { 'index.js': text },
    handler: 'index.js',
    signature: 'fetch',
  });
  const answer = await fetch(new URL('/p', server.url), { method: 'PUT', body: 'body' });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(await answer.text(), 'PUT /p body');
});

test('the python function server takes a file with nothing but main(params)', async () => {
  await using server = await startServer({
    language: 'python',
    files: { 'main.py': 'def main(params): return {"sum": params["a"] + params["b"]}' },
    handler: 'main.py',
  });
  assert.deepEqual(await (await server.call({ a: 1, b: 2 })).json(), { sum: 3 });
});

test('the python function server serves an ASGI application with lifespan and streaming', async () => {
  const text = `
state = []
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        state.append("up")
        await send({"type": "lifespan.startup.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]: break
    await send({"type": "http.response.start", "status": 202, "headers": [(b"x-path", scope["raw_path"])]})
    await send({"type": "http.response.body", "body": state[0].encode() + b" ", "more_body": True})
    await send({"type": "http.response.body", "body": body})
`;
  await using server = await startServer({
    language: 'python',
    files: { 'main.py': text },
    handler: 'main.py:app',
    signature: 'asgi',
  });
  const answer = await fetch(new URL('/a%20b', server.url), {
    method: 'POST',
    body: 'x'.repeat(200_000),
  });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get('x-path'), '/a%20b');
  assert.equal(await answer.text(), `up ${'x'.repeat(200_000)}`);
});
