import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { parseHandler } from './handler.ts';
import { callHandler, type HandlerOutcome } from './handler-call.ts';
import { makeCertificate } from './testing/certificate.ts';

const address = '127.0.0.1';
const container = { name: 'main', ports: [{ name: 'web', containerPort: 1234 }] };

function call(fields: Record<string, unknown>, signal?: AbortSignal): Promise<HandlerOutcome> {
  const run = (command: readonly string[]) =>
    Promise.resolve({ exitCode: Number(command[0]), output: 'said' });
  const target = { address, run, userAgent: 'kube-probe/1.35', clock: systemClock };
  return callHandler(
    parseHandler(fields, container),
    target,
    signal ?? new AbortController().signal,
  );
}

async function listen(server: Server): Promise<{ port: number } & AsyncDisposable> {
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections?.();
    },
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('callHandler() with httpGet', () => {
  for (const [status, kind] of [
    [200, 'success'],
    [204, 'success'],
    [304, 'success'],
    [404, 'refused'],
    [503, 'refused'],
  ] as const) {
    it(`takes ${status} as ${kind}`, async () => {
      const answer: Answer = (_, response) => response.writeHead(status).end();
      await using server = await listen(createServer(answer));
      const outcome = await call({ httpGet: { port: server.port } });
      assert.equal(outcome.kind, kind);
      if (kind === 'refused') {
        assert.equal(outcome.output, `HTTP probe failed with statuscode: ${status}`);
      }
    });
  }

  it('sends the headers that are given, again and again, and leaves out what is emptied', async () => {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      response.end();
    });
    await using open = await listen(server);
    const httpHeaders = [
      { name: 'Host', value: 'example.com' },
      { name: 'X-A', value: '1' },
      { name: 'X-A', value: '2' },
      { name: 'Accept', value: '' },
    ];
    await call({ httpGet: { port: open.port, path: '/a?b=c', httpHeaders } });
    assert.equal(seen[0]?.url, '/a?b=c');
    assert.equal(seen[0].headers.host, 'example.com');
    assert.equal(seen[0].headers['x-a'], '1, 2');
    assert.equal(seen[0].headers.accept, undefined);
    assert.equal(seen[0].headers['user-agent'], 'kube-probe/1.35');
  });

  it('scheme HTTPS takes any certificate', async () => {
    const server = createSecure(await makeCertificate(), (_, response) => response.end());
    await using open = await listen(server);
    const at = (scheme: string) => call({ httpGet: { port: open.port, scheme } });
    assert.equal((await at('HTTPS')).kind, 'success');
    assert.notEqual((await at('HTTP')).kind, 'success');
  });

  it('host goes before the address of the pod', async () => {
    await using server = await listen(createServer((_, response) => response.end()));
    const { port } = server;
    assert.equal((await call({ httpGet: { port, host: 'localhost' } })).kind, 'success');
    const elsewhere = await call({ httpGet: { port, host: '127.0.0.2' } });
    assert.match(elsewhere.output, /dial tcp 127\.0\.0\.2:/);
  });

  it('follows redirects within the host, and takes others as an answer', async () => {
    const server = createServer((request, response) => {
      const location = { '/in': '/bad', '/out': 'http://example.com/', '/loop': '/loop' };
      const to = location[request.url as keyof typeof location];
      if (to === undefined) response.writeHead(500).end();
      else response.writeHead(302, { location: to }).end();
    });
    await using open = await listen(server);
    const at = (path: string) => call({ httpGet: { port: open.port, path } });
    assert.equal((await at('/in')).output, 'HTTP probe failed with statuscode: 500');
    assert.equal((await at('/out')).kind, 'success');
    assert.match((await at('/loop')).output, /stopped after 10 redirects/);
  });

  it('says why nobody answered', async () => {
    await using server = await listen(createServer(() => undefined));
    const { port } = server;
    const late = await call({ httpGet: { port } }, AbortSignal.timeout(50));
    assert.match(late.output, new RegExp(`^Get "http://127.0.0.1:${port}/": .*deadline exceeded`));
    await server[Symbol.asyncDispose]();
    const refused = await call({ httpGet: { port } });
    assert.match(refused.output, /connect: connection refused$/);
    assert.equal(refused.kind, 'failure');
  });
});

describe('callHandler()', () => {
  it('tcpSocket: a connection is enough', async () => {
    const server = await listen(createServer());
    assert.equal((await call({ tcpSocket: { port: server.port } })).kind, 'success');
    await server[Symbol.asyncDispose]();
    const refused = await call({ tcpSocket: { port: server.port } });
    assert.equal(refused.output, `dial tcp 127.0.0.1:${server.port}: connect: connection refused`);
  });

  it('exec: the exit code decides', async () => {
    assert.equal((await call({ exec: { command: ['0'] } })).kind, 'success');
    assert.deepEqual(await call({ exec: { command: ['3'] } }), { kind: 'failure', output: 'said' });
  });

  it('sleep: ends early with the signal', async () => {
    assert.equal((await call({ sleep: { seconds: 0 } })).kind, 'success');
    assert.equal((await call({ sleep: { seconds: 600 } }, AbortSignal.abort())).kind, 'failure');
  });

  it('parseHandler() finds ports by their names', () => {
    const handler = parseHandler({ tcpSocket: { port: 'web' } }, container);
    assert.deepEqual(handler, { kind: 'tcp', host: undefined, port: 1234 });
  });
});

describe('callHandler() with grpc', () => {
  /** Answers with a status of the health protocol, or with an error of gRPC. */
  async function serve(answer: { readonly serving?: number; readonly code: string }) {
    const asked: Buffer[] = [];
    const server = createHttp2();
    const sessions = new Set<{ destroy(): void }>();
    server.on('session', (session) => sessions.add(session));
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('data', (chunk: Buffer) => asked.push(chunk));
      stream.on('end', () => {
        stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': answer.code }));
        const body = answer.serving === undefined ? [] : [0, 0, 0, 0, 2, 8, answer.serving];
        stream.end(Buffer.from(body));
      });
    });
    server.listen(0, address);
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      asked,
      [Symbol.asyncDispose]: async () => {
        for (const session of sessions) session.destroy();
        server.close();
      },
    };
  }

  it('takes SERVING alone as good', async () => {
    await using up = await serve({ serving: 1, code: '0' });
    assert.equal((await call({ grpc: { port: up.port, service: 'a.B' } })).kind, 'success');
    // Field 1, three bytes, behind the prefix of a message of five.
    assert.deepEqual(Buffer.concat(up.asked), Buffer.from('\0\0\0\0\x05\n\x03a.B'));
    await using down = await serve({ serving: 2, code: '0' });
    const outcome = await call({ grpc: { port: down.port } });
    assert.deepEqual(outcome, {
      kind: 'failure',
      output: 'service unhealthy (responded with "NOT_SERVING")',
    });
  });

  it('says what is wrong with the server', async () => {
    await using other = await serve({ code: '12' });
    assert.match((await call({ grpc: { port: other.port } })).output, /does not implement/);
    await using bad = await serve({ code: '14' });
    assert.match((await call({ grpc: { port: bad.port } })).output, /code = 14/);
    const closed = await listen(createServer());
    await closed[Symbol.asyncDispose]();
    assert.match((await call({ grpc: { port: closed.port } })).output, /failed to connect/);
    await using silent = await listen(createServer(() => undefined));
    const late = await call({ grpc: { port: silent.port } }, AbortSignal.timeout(50));
    assert.equal(late.kind, 'failure');
  });
});
