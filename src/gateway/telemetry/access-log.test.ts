import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { silentLog } from '../../lib/log.ts';
import { startPod } from '../testing/fake-pod.ts';
import { Harness, until } from '../testing/harness.ts';
import { exchangeRaw } from '../testing/raw-client.ts';
import { request as send, SecureGateway } from '../testing/secure-gateway.ts';
import type { Exchange } from '../wire/exchange.ts';
import { type Access, type AccessLogFormat, accessLine } from './access-line.ts';
import { AccessLog } from './access-log.ts';
import { LogFile } from './log-file.ts';

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'access-log-'));
  readonly file = join(this.path, 'access.log');

  lines(name = 'access.log'): readonly string[] {
    try {
      return readFileSync(join(this.path, name), 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

function logged(folder: Folder, format: AccessLogFormat): Promise<Harness> {
  return Harness.start({}, { telemetry: { accessLog: { format, path: folder.file } } });
}

/** An access as a client could have made it. */
function access(head: Partial<Exchange['head']> = {}): Access {
  const exchange = {
    client: '::ffff:10.0.0.1',
    version: '1.1',
    head: { method: 'GET', target: '/a/b', host: 'x', minor: 1, lines: '', ...head },
  } as Exchange;
  return {
    exchange,
    atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    status: 200,
    durationMs: 1.23456,
    bytes: 7,
    call: undefined,
    ending: 'answered',
  };
}

test('each call is one line of JSON, with what is known of it', async () => {
  using folder = new Folder();
  await using gateway = await logged(folder, 'json');
  await using pod = await startPod((request, response) => {
    request.resume().on('end', () => response.end('12345'));
  });
  gateway.function();
  gateway.pod(pod, { name: 'pod-1' });
  const headers = {
    'x-request-id': 'mine',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  const before = Date.now();
  await (await gateway.fetch('/default/diff/a?b=c', { ...init, headers })).text();
  await gateway.fetch('/default/nothing', init);
  await gateway.fetch('/default/diff');
  await gateway.fetch('/-/healthz');
  await until(() => folder.lines().length >= 2, 'the lines are written');
  const [first, second] = folder.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  const { time, durationMs, ...rest } = first ?? {};
  assert.deepEqual(rest, {
    client: '127.0.0.1',
    method: 'POST',
    host: `127.0.0.1:${gateway.port}`,
    path: '/default/diff/a?b=c',
    protocol: 'HTTP/1.1',
    status: 200,
    ending: 'answered',
    bytesIn: 2,
    bytes: 5,
    function: 'default/diff',
    pod: 'pod-1',
    requestId: 'mine',
    traceId: '0af7651916cd43dd8448eb211c80319c',
  });
  assert.ok(Math.abs(Date.parse(time as string) - before) < 5000);
  assert.ok((durationMs as number) > 0);
  assert.equal(second?.['status'], 404);
  assert.equal(second?.['ending'], 'no-such-function');
  assert.equal(folder.lines().length, 2, 'checks and probes are no calls');
});

const init = { method: 'POST', body: '{}' };

test('combined is the format that web servers write', async () => {
  using folder = new Folder();
  await using gateway = await logged(folder, 'combined');
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  await exchangeRaw(
    gateway.port,
    'POST /default/diff HTTP/1.1\r\nHost: x\r\nUser-Agent: a "b" \\ \xe9\r\nReferer: /r\r\n' +
      'X-Request-Id: id-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
  );
  await until(() => folder.lines().length === 1, 'the line is written');
  assert.match(
    folder.lines()[0] ?? '',
    /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d \+0000\] "POST \/default\/diff HTTP\/1\.1" 200 \d+ "\/r" "a \\x22b\\x22 \\x5C \\xE9" \d\.\d{4} id-1$/,
  );
});

test('a call over HTTP/2 is logged with its version', async () => {
  using folder = new Folder();
  const accessLog = { format: 'combined' as const, path: folder.file };
  await using gateway = await SecureGateway.start({}, { telemetry: { accessLog } });
  await using pod = await startPod();
  gateway.harness.function();
  gateway.harness.pod(pod);
  const session = gateway.connect();
  const headers = { ':method': 'POST', ':path': '/default/diff', 'user-agent': 'agent/1' };
  assert.equal((await send(session, headers, '{}')).status, 200);
  session.destroy();
  await until(() => folder.lines().length === 1, 'the line is written');
  assert.match(folder.lines()[0] ?? '', /"POST \/default\/diff HTTP\/2\.0" 200 \d+ "-" "agent\/1"/);
});

test('accessLine() makes one line of printable characters, whatever the client sends', () => {
  const anything = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(anything, anything, (target, agent) => {
      const given = access({ target, lines: `user-agent: ${agent.replaceAll(/[\r\n]/g, '')}\r\n` });
      for (const format of ['json', 'combined'] as const) {
        const line = accessLine(given, format);
        assert.equal(line.indexOf('\n'), line.length - 1);
        assert.match(line, /^[\x20-\x7e]+\n$/);
      }
      const { path } = JSON.parse(accessLine(given, 'json')) as { readonly path: string };
      assert.equal(path, target);
    }),
  );
});

test('a file is set aside by its size, and no more of them are kept than asked for', async () => {
  using folder = new Folder();
  {
    await using file = new LogFile({ path: folder.file, limitBytes: 500, kept: 2 });
    for (let index = 0; index < 20; index += 1) {
      await file.write(Buffer.from(accessLine(access({ target: `/${index}` }), 'json')));
    }
  }
  assert.deepEqual(readdirSync(folder.path).toSorted(), [
    'access.log',
    'access.log.1',
    'access.log.2',
  ]);
  const paths = ['access.log.2', 'access.log.1', 'access.log']
    .flatMap((name) => folder.lines(name))
    .map((line) => (JSON.parse(line) as { readonly path: string }).path);
  assert.equal(paths.at(-1), '/19');
  assert.deepEqual(
    paths,
    Array.from({ length: paths.length }, (_, index) => `/${20 - paths.length + index}`),
  );
});

test('a file that was moved away is left alone, and a new one begun', async () => {
  using folder = new Folder();
  await using log = new AccessLog({ format: 'json', path: folder.file }, silentLog);
  log.add(access({ target: '/first' }));
  await until(() => log.written === 1, 'the first line is written');
  renameSync(folder.file, join(folder.path, 'moved'));
  log.add(access({ target: '/second' }));
  await until(() => log.written === 2, 'the second line is written');
  assert.match(folder.lines('moved').join(), /first/);
  assert.doesNotMatch(folder.lines('moved').join(), /second/);
  assert.match(folder.lines().join(), /second/);
});

test('lines that cannot be written are counted, and calls go on', async () => {
  using folder = new Folder();
  const path = join(folder.path, 'missing', 'access.log');
  await using gateway = await Harness.start(
    {},
    { telemetry: { accessLog: { format: 'json', path } } },
  );
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff', init)).status, 200);
  const end = performance.now() + 5000;
  for (;;) {
    const text = await (await gateway.fetch('/-/metrics')).text();
    if (/^nought_gateway_access_log_lines_dropped_total 1$/m.test(text)) break;
    assert.ok(performance.now() < end, 'the line is counted as dropped');
  }
});

test('what waits is bounded: further lines are dropped, and those that were taken are written', async () => {
  using folder = new Folder();
  const log = new AccessLog({ format: 'json', path: folder.file }, silentLog);
  const given = access({ target: `/${'x'.repeat(10_000)}` });
  for (let index = 0; index < 1000; index += 1) log.add(given);
  assert.ok(log.dropped > 0 && log.dropped < 1000, `${log.dropped} dropped`);
  await log[Symbol.asyncDispose]();
  assert.equal(log.written + log.dropped, 1000);
  assert.equal(folder.lines().length, log.written);
});

test('lines that wait are written when the gateway stops', async () => {
  using folder = new Folder();
  const gateway = await logged(folder, 'json');
  await gateway.fetch('/default/nothing', init);
  await gateway.stop();
  assert.equal(folder.lines().length, 1);
});
