import assert from 'node:assert/strict';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { type FakePod, startPod } from '../testing/fake-pod.ts';
import { answerOf, request, SecureGateway } from '../testing/secure-gateway.ts';

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

describe('http2', () => {
  let gateway: SecureGateway;
  let pod: FakePod;
  let session: ClientHttp2Session;

  before(async () => {
    gateway = await SecureGateway.start();
    pod = await startPod();
    gateway.harness.function();
    gateway.harness.pod(pod);
    session = gateway.connect();
  });

  after(async () => {
    session.destroy();
    await gateway[Symbol.asyncDispose]();
    await pod[Symbol.asyncDispose]();
  });

  async function echoed(headers: IncomingHttpHeaders, body?: string): Promise<Echo> {
    const answer = await request(session, headers, body);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.code, 0);
    return JSON.parse(answer.body) as Echo;
  }

  test('a call goes to the pod with method, query, fields and body, as over https', async () => {
    const echo = await echoed(
      {
        ':method': 'POST',
        ':path': '/default/diff/a?b=c',
        'content-length': '7',
        'x-mine': 'kept',
        te: 'trailers',
        cookie: ['a=1', 'b=2'] as unknown as string,
      },
      '{"x":1}',
    );
    assert.equal(echo.method, 'POST');
    assert.equal(echo.url, '/a?b=c');
    assert.equal(echo.body, '{"x":1}');
    assert.equal(echo.headers['content-length'], '7');
    assert.equal(echo.headers['x-mine'], 'kept');
    assert.equal(echo.headers['cookie'], 'a=1; b=2');
    assert.equal(echo.headers['te'], undefined);
    assert.equal(echo.headers['host'], `127.0.0.1:${gateway.port}`);
    assert.equal(echo.headers['x-forwarded-proto'], 'https');
    assert.equal(echo.headers['x-forwarded-for'], '127.0.0.1');
  });

  test('a body without a length is streamed', async () => {
    const echo = await echoed({ ':method': 'PUT', ':path': '/default/diff/' }, 'abc');
    assert.equal(echo.body, 'abc');
    assert.equal(echo.headers['transfer-encoding'], 'chunked');
  });

  test('many calls at once on one connection are answered, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        echoed({ ':method': 'POST', ':path': `/default/diff/${index}` }, `body ${index}`),
      ),
    );
    answers.forEach((echo, index) => {
      assert.equal(echo.url, `/${index}`);
      assert.equal(echo.body, `body ${index}`);
    });
  });

  test('the check, the own pages and refusals are those of HTTP/1.1', async () => {
    const check = await request(session, { ':path': '/default/diff' });
    assert.equal(check.status, 200);
    assert.equal((JSON.parse(check.body) as { name: string }).name, 'diff');
    const head = await request(session, { ':method': 'HEAD', ':path': '/default/diff' });
    assert.equal(head.status, 200);
    assert.equal(head.body, '');
    assert.ok(Number(head.headers['content-length']) > 0);
    assert.equal((await request(session, { ':path': '/-/readyz' })).body, 'ok\n');
    const unknown = await request(session, { ':method': 'POST', ':path': '/default/none' }, '{}');
    assert.equal(unknown.status, 404);
    assert.equal(unknown.headers['content-type'], 'application/problem+json');
    assert.equal(unknown.headers['connection'], undefined);
    const options = await request(session, { ':method': 'OPTIONS', ':path': '*' });
    assert.equal(options.status, 204);
  });

  test('Host NAME.NS.localhost as :authority reaches the function', async () => {
    const echo = await echoed({ ':path': '/p', ':authority': 'diff.default.localhost' });
    assert.equal(echo.url, '/p');
    assert.equal(echo.headers['host'], 'diff.default.localhost');
  });

  const refusals: readonly [what: string, status: number, headers: IncomingHttpHeaders][] = [
    [
      'another Host than the authority',
      400,
      { ':path': '/default/diff/', ':authority': 'one', host: 'other' },
    ],
    ['an unknown method', 501, { ':method': 'FOO', ':path': '/default/diff/' }],
    ['TRACE', 405, { ':method': 'TRACE', ':path': '/default/diff/' }],
    ['another expectation', 417, { ':path': '/default/diff/', expect: 'x' }],
    ['a fragment', 400, { ':path': '/default/diff/#a' }],
    ['a dot segment', 400, { ':path': '/default/diff/../x' }],
    ['another scheme', 400, { ':path': '/default/diff/', ':scheme': 'http' }],
    ['a head over 16 KiB', 431, { ':path': '/default/diff/', a: 'x'.repeat(17_000) }],
  ];
  for (const [what, status, headers] of refusals) {
    test(`${what} is refused with ${status}, and the connection goes on`, async () => {
      const answer = await request(session, headers);
      assert.equal(answer.status, status, answer.body);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
    });
  }

  test('CONNECT is refused with 405, another protocol within it with 501', async () => {
    const plain = await answerOf(session.request({ ':method': 'CONNECT', ':authority': 'a:1' }));
    assert.equal(plain.status, 405);
    const other = await request(session, {
      ':method': 'CONNECT',
      ':protocol': 'connect-udp',
      ':path': '/default/diff/',
    });
    assert.equal(other.status, 501);
  });
});
