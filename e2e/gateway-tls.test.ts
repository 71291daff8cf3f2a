import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { functionManifest, type Platform, startPlatform } from './testing/platform.ts';

/** The answer to a POST of HTTP/2. */
function post(session: ClientHttp2Session, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path });
    let received = '';
    stream.setEncoding('utf8').on('data', (text: string) => (received += text));
    stream.on('error', reject);
    stream.on('close', () => resolve(received));
    stream.end(body);
  });
}

describe('the gateway over TLS', () => {
  let platform: Platform;
  let url: URL;
  let ca: string;
  before(async () => {
    platform = await startPlatform('--gateway-tls-port', '0', '--gateways', '2');
    await platform.apply(
      functionManifest(
        'echo',
        'node',
        'export default (input, ctx) => ({ input, scheme: ctx.headers["x-forwarded-proto"] });',
      ),
    );
    url = new URL(platform.endpoints.gatewayTls ?? '');
    ca = readFileSync(join(platform.home, 'pki', 'ca.crt'), 'utf8');
  });
  after(() => platform[Symbol.asyncDispose]());

  test('up prints the URL, and the certificate is of the platform', () => {
    assert.match(platform.output, new RegExp(`^gateway TLS ${url.origin}$`, 'm'));
  });

  test('a function is called over HTTP/2, at each name that the certificate has', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const session = connect(`https://${host}:${url.port}`, { ca });
      assert.deepEqual(JSON.parse(await post(session, '/default/echo', '{"a":1}')), {
        input: { a: 1 },
        scheme: 'https',
      });
      session.close();
    }
  });

  test('and over HTTP/1.1, by its own host', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: url.port,
          ca,
          method: 'POST',
          servername: 'echo.default.localhost',
          headers: { host: 'echo.default.localhost' },
        },
        (response) => {
          let received = '';
          response.setEncoding('utf8').on('data', (text: string) => (received += text));
          response.on('end', () => resolve(received));
        },
      );
      sent.on('error', reject);
      sent.end('{"b":2}');
    });
    assert.deepEqual(JSON.parse(answer), { input: { b: 2 }, scheme: 'https' });
  });
});
