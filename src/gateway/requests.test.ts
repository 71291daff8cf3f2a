import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type FakePod, startPod } from './testing/fake-pod.ts';
import { Harness } from './testing/harness.ts';
import { exchangeRaw } from './testing/raw-client.ts';

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

describe('requests', () => {
  let gateway: Harness;
  let pod: FakePod;

  before(async () => {
    gateway = await Harness.start();
    pod = await startPod();
    gateway.function();
    gateway.pod(pod);
  });

  after(async () => {
    await gateway.stop();
    await pod[Symbol.asyncDispose]();
  });

  async function echoed(path: string, init: RequestInit = {}): Promise<Echo> {
    const response = await gateway.fetch(path, init);
    assert.equal(response.status, 200);
    return (await response.json()) as Echo;
  }

  async function problem(response: Response): Promise<ProblemBody> {
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    const body = (await response.json()) as ProblemBody;
    assert.equal(body.status, response.status);
    assert.match(body.type, /^https:\/\//);
    return body;
  }

  test('POST /NS/NAME invokes as "/" once, with method, headers, query and body', async () => {
    const earlier = pod.seen.length;
    const echo = await echoed('/default/diff?a=1', {
      method: 'POST',
      body: '{"x":1,"y":2}',
      headers: { 'content-type': 'application/json', 'x-mine': 'kept' },
    });
    assert.equal(echo.method, 'POST');
    assert.equal(echo.url, '/?a=1');
    assert.equal(echo.headers['x-mine'], 'kept');
    assert.equal(echo.headers['content-length'], '13');
    assert.deepEqual(pod.seen.slice(earlier), ['POST /?a=1 {"x":1,"y":2}']);
  });

  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    test(`${method} /NS/NAME invokes`, async () => {
      const echo = await echoed('/default/diff', { method });
      assert.equal(echo.method, method);
      assert.equal(echo.url, '/');
    });
  }

  test('ANY /NS/NAME/rest?q invokes with the path /rest?q', async () => {
    assert.equal((await echoed('/default/diff/a/b%20c?q=%2F')).url, '/a/b%20c?q=%2F');
    assert.equal((await echoed('/default/diff/')).url, '/');
    assert.equal((await echoed('/default/diff/?x')).url, '/?x');
  });

  test('Host NAME.NS.localhost invokes with the path untouched', async () => {
    const answer = await exchangeRaw(
      gateway.port,
      `GET /-/healthz?x=1 HTTP/1.1\r\nHost: Diff.Default.localhost:${gateway.port}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /"url":"\/-\/healthz\?x=1"/);
    assert.match(answer, new RegExp(`"host":"Diff.Default.localhost:${gateway.port}"`));
  });

  test('GET /NS/NAME is the check, with exactly its members, and reaches no pod', async () => {
    const earlier = pod.seen.length;
    const response = await gateway.fetch('/default/diff');
    assert.equal(response.status, 200);
    const state = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(state), [
      'namespace',
      'name',
      'ready',
      'revision',
      'replicas',
      'readyReplicas',
      'inFlight',
      'lastInvoked',
    ]);
    assert.equal(state['name'], 'diff');
    assert.equal(state['ready'], true);
    assert.equal(state['inFlight'], 0);
    assert.equal(pod.seen.length, earlier);
  });

  test('HEAD /NS/NAME answers the head of the check', async () => {
    const response = await gateway.fetch('/default/diff', { method: 'HEAD' });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '');
    assert.ok(Number(response.headers.get('content-length')) > 0);
  });

  test('/-/healthz, /-/readyz and /-/metrics answer; other pages and methods do not', async () => {
    assert.equal((await gateway.fetch('/-/healthz')).status, 200);
    assert.equal((await gateway.fetch('/-/readyz')).status, 200);
    const metrics = await gateway.fetch('/-/metrics');
    assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(
      await metrics.text(),
      /nought_gateway_requests_total\{namespace="default",function="diff",code="200"\} [1-9]/,
    );
    assert.equal((await gateway.fetch('/-/other')).status, 404);
    const post = await gateway.fetch('/-/healthz', { method: 'POST' });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('allow'), 'GET, HEAD');
  });

  test('an unknown function is a 404 that names it', async () => {
    const response = await gateway.fetch('/default/nothing', { method: 'POST', body: '{}' });
    assert.equal(response.status, 404);
    const { detail, title } = await problem(response);
    assert.equal(title, 'No such function');
    assert.match(detail, /"nothing" in namespace "default"/);
    assert.equal((await gateway.fetch('/default/nothing')).status, 404);
    assert.equal((await gateway.fetch('/')).status, 404);
    assert.equal((await gateway.fetch('/favicon.ico')).status, 404);
  });

  test('a dot segment behind the function is refused', async () => {
    for (const path of ['/default/diff/../x', '/default/diff/%2e%2E/x', '/default/diff/a/..']) {
      const answer = await exchangeRaw(
        gateway.port,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /, path);
    }
  });

  test('X-Request-Id: a sane one is passed on and answered, any other is replaced', async () => {
    const response = await gateway.fetch('/default/diff', {
      method: 'POST',
      headers: { 'x-request-id': 'abc-123' },
    });
    assert.equal(response.headers.get('x-request-id'), 'abc-123');
    assert.equal(((await response.json()) as Echo).headers['x-request-id'], 'abc-123');
    const odd = await gateway.fetch('/default/diff', {
      method: 'POST',
      headers: { 'x-request-id': 'a b"c' },
    });
    const id = odd.headers.get('x-request-id') ?? '';
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(((await odd.json()) as Echo).headers['x-request-id'], id);
  });

  test('traceparent: goes on with a new span, or is started', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: 'a=b' };
    const on = await echoed('/default/diff', { method: 'POST', headers });
    assert.match(on.headers['traceparent'] ?? '', new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.ok(!(on.headers['traceparent'] ?? '').includes('b7ad6b7169203331'));
    assert.equal(on.headers['tracestate'], 'a=b');
    const broken = await echoed('/default/diff', {
      method: 'POST',
      headers: { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, tracestate: 'a=b' },
    });
    assert.match(broken.headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.ok(!(broken.headers['traceparent'] ?? '').includes('0'.repeat(32)));
    assert.equal(broken.headers['tracestate'], undefined);
  });

  test("X-Forwarded-*: set from the connection, the client's own are dropped", async () => {
    const { headers } = await echoed('/default/diff', {
      method: 'POST',
      headers: { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https', forwarded: 'for=x' },
    });
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers['x-forwarded-host'], `127.0.0.1:${gateway.port}`);
    assert.equal(headers['forwarded'], undefined);
  });

  test('hop-by-hop fields are not passed on, nor those that Connection names', async () => {
    const answer = await exchangeRaw(
      gateway.port,
      'POST /default/diff HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n' +
        'Keep-Alive: timeout=1\r\nTE: trailers\r\nTrailer: a\r\nProxy-Authorization: b\r\n' +
        'Upgrade: h2c\r\nHTTP2-Settings: x\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n',
    );
    const echo = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Echo;
    for (const name of ['x-hop', 'keep-alive', 'te', 'trailer', 'proxy-authorization', 'upgrade']) {
      assert.equal(echo.headers[name], undefined, name);
    }
    assert.equal(echo.headers['http2-settings'], undefined);
    assert.equal(echo.headers['x-end'], '2');
  });

  test('two requests in one segment are answered in order', async () => {
    const one = 'POST /default/diff/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na';
    const two =
      'POST /default/diff/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nb';
    const answer = await exchangeRaw(gateway.port, one + two);
    assert.equal(answer.split('HTTP/1.1 200 OK').length, 3);
    assert.ok(answer.indexOf('"url":"/1"') < answer.indexOf('"url":"/2"'));
  });

  test('HTTP/1.0 is answered and closed, or kept alive when asked', async () => {
    const closed = await exchangeRaw(gateway.port, 'GET /default/diff HTTP/1.0\r\n\r\n');
    assert.match(closed, /\r\nConnection: close\r\n/);
    const kept = await exchangeRaw(
      gateway.port,
      'GET /default/diff HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /default/diff HTTP/1.0\r\n\r\n',
    );
    assert.match(kept, /\r\nConnection: keep-alive\r\n/);
    assert.equal(kept.split('HTTP/1.1 200 OK').length, 3);
  });

  test('OPTIONS * answers for the gateway', async () => {
    const answer = await exchangeRaw(
      gateway.port,
      'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 204 /);
  });
});

test("a function's 500 stays a 500, with its headers and body", async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((_, response) => {
    response.writeHead(500, 'Broken Inside', {
      'content-type': 'application/problem+json',
      'x-own': '1',
      'set-cookie': ['a=1', 'b=2'],
    });
    response.end('{"title":"mine"}');
  });
  gateway.function();
  gateway.pod(pod);
  const response = await gateway.fetch('/default/diff', { method: 'POST', body: '{}' });
  assert.equal(response.status, 500);
  assert.equal(response.statusText, 'Broken Inside');
  assert.equal(response.headers.get('x-own'), '1');
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(await response.text(), '{"title":"mine"}');
  assert.equal(pod.seen.length, 1);
});

test('trustForwarded: the fields of a proxy before us are kept and added to', async () => {
  await using gateway = await Harness.start({}, { trustForwarded: true });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  const response = await gateway.fetch('/default/diff', {
    method: 'POST',
    headers: { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https' },
  });
  const { headers } = (await response.json()) as Echo;
  assert.equal(headers['x-forwarded-for'], '6.6.6.6, 127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
});

test('domain: another one than localhost', async () => {
  await using gateway = await Harness.start({}, { domain: 'fn.example.com' });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  const ask = (host: string): Promise<string> =>
    exchangeRaw(gateway.port, `GET /a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.match(await ask('diff.default.fn.example.com'), /"url":"\/a"/);
  assert.match(await ask('diff.default.localhost'), /^HTTP\/1\.1 404 /);
});
