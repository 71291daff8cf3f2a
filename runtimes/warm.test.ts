import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type FunctionServer, type Language, startServer } from './testing/function-server.ts';

const secret = 'an-open-secret';

interface Sample {
  readonly handler: string;
  readonly hello: string;
  readonly environment: string;
  readonly broken: string;
  readonly otherSignature: string;
  readonly application: string;
}

const samples: Record<Language, Sample> = {
  node: {
    handler: 'index.js',
    hello:
      'import { name } from "./lib/name.js";\nexport default ({ greeting }) => `${greeting} ${name}`;',
    environment:
      'const early = process.env.K_SERVICE;\nexport default () => ({ early, digest: process.env.NOUGHT_CLAIM_DIGEST ?? null, port: process.env.PORT, code: process.env.NOUGHT_CODE });',
    broken: 'export default () => 1;\nnull.foo;\n',
    otherSignature: 'fetch',
    application:
      'export default { async fetch(request) { return new Response(await request.text(), { status: 201 }); } };',
  },
  python: {
    handler: 'main.py',
    hello:
      'import signal\nfrom lib.name import name\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)  # only the main thread may\ndef handler(event): return event["greeting"] + " " + name',
    environment:
      'import os\nearly = os.environ["K_SERVICE"]\ndef handler(event): return {"early": early, "digest": os.environ.get("NOUGHT_CLAIM_DIGEST"), "port": os.environ["PORT"], "code": os.environ["NOUGHT_CODE"]}',
    broken: 'def handler(event): return 1\nNone.foo\n',
    otherSignature: 'asgi',
    application: `
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    message = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})
`,
  },
};
const names: Record<Language, string> = {
  node: 'export const name = "world";',
  python: 'name = "world"',
};

for (const language of ['node', 'python'] as const) {
  const sample = samples[language];
  const { handler } = sample;
  const start = (more: object = {}): Promise<FunctionServer> =>
    startServer({ language, files: {}, handler, secret, ...more });
  const claim = (text: string, more: object = {}): Specialisation => ({
    env: {},
    handler,
    signature: 'json',
    files: [{ path: handler, text }],
    ...more,
  });
  const hello = claim(sample.hello, {
    files: [
      { path: handler, text: sample.hello },
      { path: `lib/name.${language === 'node' ? 'js' : 'py'}`, text: names[language] },
    ],
  });

  describe(`a warm pod of ${language}`, { concurrency: 2 }, () => {
    test('is ready to be claimed, and serves as what it was specialised', async () => {
      await using pod = await start();
      assert.equal(await pod.ready, true);
      assert.equal((await get(pod, 'warm')).status, 200);
      assert.equal((await specialize(pod, hello)).status, 204);
      assert.equal(await (await pod.call({ greeting: 'hello' })).text(), '"hello world"');
      assert.equal((await get(pod, 'ready')).status, 200);
    });

    test('answers its ready path only once it is specialised', async () => {
      await using pod = await start();
      await pod.ready;
      const ready = get(pod, 'ready');
      // Answered in turn over one connection: what is held would hold up what comes behind it.
      assert.equal((await get(pod, 'warm')).status, 200);
      assert.equal(await Promise.race([ready, get(pod, 'warm').then(() => 'later')]), 'later');
      await specialize(pod, hello);
      assert.equal((await ready).status, 200);
    });

    test('refuses calls until it is specialised', async () => {
      await using pod = await start();
      const answer = await pod.call({ greeting: 'hello' });
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '1');
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    });

    test('reads away what came with a call that it refuses', async () => {
      await using pod = await start();
      const socket = await connected(pod);
      const call = `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20_000)}`;
      socket.write(call.slice(0, 100));
      const [first] = (await once(socket, 'data')) as [Buffer];
      assert.match(String(first), /^HTTP\/1\.1 503 /);
      socket.end(`${call.slice(100)}${call}`);
      assert.match(await drained(socket), /^HTTP\/1\.1 503 /);
      assert.equal((await specialize(pod, hello)).status, 204);
    });

    test('is specialised only once, also by claims at the same time', async () => {
      await using pod = await start();
      const claims = await Promise.all(Array.from({ length: 8 }, () => specialize(pod, hello)));
      const statuses = claims.map(({ status }) => status).toSorted((a, b) => a - b);
      assert.deepEqual(statuses, [204, ...Array.from({ length: 7 }, () => 409)]);
      assert.equal((await specialize(pod, claim(sample.broken))).status, 409);
      assert.equal(await (await pod.call({ greeting: 'bye' })).text(), '"bye world"');
    });

    test('hears nobody but the holder of its secret, and ends when one guesses', async () => {
      await using pod = await start();
      assert.equal((await specialize(pod, hello, 'wrong')).status, 403);
      assert.equal((await specialize(pod, hello)).status, 204);
      for (let at = 0; at < 12; at += 1) await specialize(pod, hello, 'wrong');
      assert.equal((await pod.call({ greeting: 'still' })).status, 200);

      await using guessed = await start();
      for (let at = 0; at < 10; at += 1) {
        assert.equal((await specialize(guessed, hello, `wrong${at}`)).status, 403);
      }
      assert.equal(await guessed.exited, 1);
      assert.match(JSON.stringify(guessed.terminationMessage()), /wrong secret/);
    });

    test('refuses what is malformed, changes nothing, and can be claimed after', async () => {
      await using pod = await start();
      const file = { path: 'a', text: '' };
      const malformed = [
        '',
        '{"env":{}}',
        'no json\n',
        '[]\n',
        line({ ...hello, env: { A: 1 } }),
        line({ ...hello, env: { 'A=B': '1' } }),
        line({ ...hello, handler: undefined }),
        line({ ...hello, handler: '../index.js' }),
        line({ ...hello, signature: 'http' }),
        line({ ...hello, files: [] }),
        line({ ...hello, files: [{ path: 'a' }] }),
        ...['', '/etc/x', '../x', 'a/../../x', 'a//b', './a', 'a\0b', 'a/'].map((path) =>
          line({ ...hello, files: [{ path, text: '' }] }),
        ),
        line({ ...hello, files: [file, file] }),
        line({ ...hello, files: [file, { path: 'a/b', text: '' }] }),
        line({ ...hello, packageBytes: 3 }),
        line({ ...hello, packageBytes: -1 }),
        `${line(hello)}more`,
        `${line({ ...hello, packageBytes: 4 })}more`,
      ];
      for (const body of malformed) {
        const answer = await specialize(pod, body);
        assert.equal(answer.status, 400, body);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json');
        await answer.text();
      }
      assert.deepEqual(readdirSync(join(pod.folder, 'code'), { recursive: true }), ['code']);
      assert.equal((await specialize(pod, hello)).status, 204);
    });

    test('can be claimed after a claim that broke off, and wants a length', async () => {
      await using pod = await start();
      const whole = `${head(pod, 1000)}{"env"`;
      const broken = await connected(pod);
      broken.end(whole);
      await drained(broken);
      const unstated = await connected(pod);
      unstated.end(`${head(pod, undefined)}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
      assert.match(await drained(unstated), /^HTTP\/1\.1 411 /);
      const huge = await connected(pod);
      huge.end(head(pod, 49 * 1024 * 1024));
      assert.match(await drained(huge), /^HTTP\/1\.1 413 /);
      assert.equal((await specialize(pod, hello)).status, 204);
    });

    test('gives the function its environment before its code runs', async () => {
      await using pod = await start();
      const env = { K_SERVICE: 'orders', NOUGHT_LISTEN_FD: '99', GREETING: 'grüezi' };
      assert.equal((await specialize(pod, claim(sample.environment, { env }))).status, 204);
      assert.deepEqual(await (await pod.call({})).json(), {
        early: 'orders',
        digest: null,
        port: new URL(pod.url).port,
        code: join(pod.folder, 'code', 'code'),
      });
    });

    test('tells file and line of code that cannot be loaded, and ends with 1', async () => {
      await using pod = await start();
      const held = get(pod, 'ready').catch(() => undefined);
      const answer = await specialize(pod, claim(sample.broken));
      assert.equal(answer.status, 422);
      const reason = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([reason['kind'], reason['file'], reason['line']], ['LoadError', handler, 2]);
      assert.equal(await pod.exited, 1);
      assert.deepEqual(pod.terminationMessage(), reason);
      await held;
    });

    test('takes a package', async () => {
      await using pod = await start();
      const packed = gzipSync(tarOf({ [handler]: sample.environment }));
      const body = Buffer.concat([
        Buffer.from(
          line({
            env: { K_SERVICE: 'packed' },
            handler,
            signature: 'json',
            packageBytes: packed.length,
          }),
        ),
        packed,
      ]);
      assert.equal((await specialize(pod, body)).status, 204);
      assert.equal(((await (await pod.call({})).json()) as { early: string }).early, 'packed');
    });

    test('refuses a broken package as code that cannot be loaded', async () => {
      await using pod = await start();
      const body = `${line({ env: {}, handler, signature: 'json', packageBytes: 4 })}none`;
      const answer = await specialize(pod, body);
      assert.equal(answer.status, 422);
      assert.match(await answer.text(), /Cannot unpack the package/);
      assert.equal(await pod.exited, 1);
    });

    test(`serves signature ${sample.otherSignature}`, async () => {
      await using pod = await start();
      const signature = sample.otherSignature;
      const target = language === 'node' ? handler : `${handler}:app`;
      const given = claim(sample.application, { signature, handler: target });
      assert.equal((await specialize(pod, given)).status, 204);
      const answer = await pod.call('body');
      assert.deepEqual([answer.status, await answer.text()], [201, '"body"']);
    });

    test('starts anew as what it was specialised, and cannot be claimed again', async () => {
      const first = await start();
      const env = { K_SERVICE: 'orders' };
      await specialize(first, claim(sample.environment, { env }));
      const record = join(first.folder, 'code', 'specialised.json');
      assert.equal(statSync(record).mode & 0o777, 0o600);
      first.process.kill('SIGKILL');
      await first.exited;
      await using again = await start({ folder: first.folder });
      assert.equal(((await (await again.call({})).json()) as { early: string }).early, 'orders');
      assert.equal((await specialize(again, hello)).status, 409);
    });

    test('starts anew as a warm pod when it ended before the function was complete', async () => {
      const first = await start();
      await first.ready;
      first.process.kill('SIGKILL');
      await first.exited;
      await using again = await start({
        folder: first.folder,
        files: { 'code/left-over/a.txt': 'x', 'specialised.json.new': '{' },
      });
      assert.equal((await specialize(again, hello)).status, 204);
      assert.ok(!existsSync(join(again.folder, 'code', 'code', 'left-over')));
      assert.match(
        readFileSync(join(again.folder, 'code', 'specialised.json'), 'utf8'),
        /"handler"/,
      );
    });

    test('ends at once on SIGTERM while it has no function', async () => {
      await using pod = await start();
      await pod.ready;
      const held = get(pod, 'ready').catch(() => undefined);
      await get(pod, 'warm');
      pod.process.kill('SIGTERM');
      assert.equal(await pod.exited, 0);
      await held;
    });

    test('leaves nothing of its rehearsal behind', async () => {
      await using pod = await start();
      await pod.ready;
      assert.deepEqual(
        readdirSync(pod.folder).filter((name) => name.startsWith('rehearsal')),
        [],
      );
      assert.equal(pod.stderr, '');
    });
  });
}

interface Specialisation {
  readonly env: Readonly<Record<string, unknown>>;
  readonly handler: string | undefined;
  readonly signature: string;
  readonly files?: readonly unknown[];
  readonly packageBytes?: number;
}

function line(given: Specialisation): string {
  return `${JSON.stringify(given)}\n`;
}

function get(pod: FunctionServer, what: 'warm' | 'ready'): Promise<Response> {
  return fetch(new URL(`/.well-known/nought/${what}`, pod.url));
}

function specialize(
  pod: FunctionServer,
  given: Specialisation | string | Buffer,
  bearer = secret,
): Promise<Response> {
  return fetch(new URL('/.well-known/nought/specialize', pod.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}` },
    body: typeof given === 'string' || Buffer.isBuffer(given) ? given : line(given),
  });
}

/** The head of a claim, complete when its length is given. */
function head(pod: FunctionServer, length: number | undefined): string {
  const { host } = new URL(pod.url);
  const start = `POST /.well-known/nought/specialize HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${secret}\r\n`;
  return length === undefined ? start : `${start}Content-Length: ${length}\r\n\r\n`;
}

async function connected(pod: FunctionServer): Promise<Socket> {
  await pod.ready;
  const { hostname, port } = new URL(pod.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** All that comes until the other side closes. */
async function drained(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** The simplest ustar archive. */
function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, text] of Object.entries(files)) {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
    header.write('        0ustar\x0000', 148);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const data = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
    data.write(text);
    blocks.push(header, data);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
