import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Family, parseExposition } from '../../lib/testing/parse-exposition.ts';
import { type LogFields, silentLog } from '../../lib/log.ts';
import { startPod } from '../testing/fake-pod.ts';
import { Harness, until } from '../testing/harness.ts';
import { exchangeRaw, RawClient } from '../testing/raw-client.ts';

const post = { method: 'POST', body: '{}' };

type Families = ReadonlyMap<string, Family>;

async function scrape(gateway: Harness): Promise<Families> {
  return parseExposition(await (await gateway.fetch('/-/metrics')).text());
}

/** The sample of a family that has these labels among others. */
function value(
  families: Families,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = [...families.values()].find(({ samples }) =>
    samples.some((sample) => sample.name === name),
  );
  return family?.samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
  )?.value;
}

async function untilMetric(
  gateway: Harness,
  name: string,
  labels: Readonly<Record<string, string>>,
  wanted: number,
): Promise<void> {
  const end = performance.now() + 5000;
  for (;;) {
    const now = value(await scrape(gateway), name, labels);
    if (now === wanted) return;
    assert.ok(performance.now() < end, `${name} is ${now}, not ${wanted}`);
  }
}

test('the metrics are valid, and count calls, codes, latencies and bytes by function', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(request.url === '/bad' ? 418 : 200).end('12345');
    });
  });
  gateway.function();
  gateway.pod(pod);
  for (let index = 0; index < 3; index += 1) {
    await (await gateway.fetch('/default/diff', post)).text();
  }
  await (await gateway.fetch('/default/diff/bad', post)).text();
  const of = { namespace: 'default', function: 'diff' };
  const families = await scrape(gateway);
  const counted = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    value(families, `nought_gateway_${name}`, { ...of, ...labels });
  assert.equal(counted('requests_total', { code: '200' }), 3);
  assert.equal(counted('requests_total', { code: '418' }), 1);
  assert.equal(counted('request_duration_seconds_count'), 4);
  assert.ok((counted('request_duration_seconds_sum') ?? 0) > 0);
  assert.equal(counted('first_byte_seconds_count'), 4);
  assert.equal(counted('request_body_bytes_total'), 8);
  assert.equal(counted('response_body_bytes_total'), 20);
  assert.equal(counted('routable_pods'), 1);
  assert.equal(counted('in_flight'), 0);
  assert.equal(counted('cold_start_seconds_count'), undefined);
  assert.equal(value(families, 'nought_gateway_info', { gateway: 'gateway-test' }), 1);
  assert.ok((value(families, 'nought_gateway_connections_accepted_total') ?? 0) >= 1);
  assert.ok((value(families, 'nought_gateway_client_received_bytes_total') ?? 0) > 400);
  assert.ok((value(families, 'process_resident_memory_bytes') ?? 0) > 0);
  assert.equal(value(families, 'nought_gateway_autoscaler_connected'), 0);
});

test('a cold start is counted once, in the parts that the gateway sees', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  const answer = gateway.fetch('/default/diff', post);
  await untilMetric(gateway, 'nought_gateway_held', { function: 'diff' }, 1);
  assert.ok((value(await scrape(gateway), 'nought_gateway_held_bytes') ?? 0) > 0);
  gateway.pod(pod);
  assert.equal((await answer).status, 200);
  const families = await scrape(gateway);
  const sum = (name: string, labels = {}): number => value(families, `${name}_sum`, labels) ?? -1;
  const phase = 'nought_gateway_cold_start_phase_seconds';
  const total = sum('nought_gateway_cold_start_seconds');
  const parts = sum(phase, { phase: 'pod' }) + sum(phase, { phase: 'boot' });
  assert.equal(value(families, 'nought_gateway_cold_start_seconds_count'), 1);
  assert.ok(Math.abs(parts - total) < 1e-9, `${parts} and ${total}`);
  assert.ok(sum(phase, { phase: 'pod' }) > 0);
  assert.ok(sum(phase, { phase: 'answer' }) > 0);
  assert.equal(value(families, 'nought_gateway_queue_seconds_count'), undefined);
});

test('a wait for a pod that is full is no cold start', async () => {
  await using gateway = await Harness.start();
  const ends: (() => void)[] = [];
  await using pod = await startPod((request, response) => {
    request.resume();
    ends.push(() => response.end());
  });
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  gateway.pod(pod);
  const answers = [1, 2].map(() => gateway.fetch('/default/diff', post));
  await until(() => ends.length === 1, 'the first is with the pod');
  await untilMetric(gateway, 'nought_gateway_held', { function: 'diff' }, 1);
  ends[0]?.();
  await until(() => ends.length === 2, 'the second is with the pod');
  ends[1]?.();
  await Promise.all(answers);
  const families = await scrape(gateway);
  assert.equal(value(families, 'nought_gateway_queue_seconds_count'), 1);
  assert.equal(value(families, 'nought_gateway_cold_start_seconds_count'), undefined);
});

test('each call that got no whole answer is counted with its reason', async () => {
  await using gateway = await Harness.start({ holdMs: 50, heldRequests: 1 });
  await using pod = await startPod((request, response) => {
    request.resume();
    if (request.url === '/break') response.destroy();
    if (request.url === '/late') response.on('close', () => undefined);
    if (request.url === '/cut') response.writeHead(200).write('x', () => response.destroy());
  });
  gateway.function({ name: 'cold' });
  gateway.function({ name: 'broken', trouble: ['LoadFailed', 'line 1'], revision: '' });
  gateway.function({ spec: { timeout: '1s' } });
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/cold', post)).status, 503);
  assert.equal((await gateway.fetch('/default/broken', post)).status, 503);
  assert.equal((await gateway.fetch('/default/diff/break', post)).status, 502);
  await untilMetric(gateway, 'nought_gateway_routable_pods', { function: 'diff' }, 1);
  await assert.rejects(async () => (await gateway.fetch('/default/diff/cut', post)).text());
  assert.equal((await gateway.fetch('/default/diff/late', post)).status, 504);
  await untilMetric(gateway, 'nought_gateway_routable_pods', { function: 'diff' }, 1);
  using client = new RawClient(gateway.port);
  client.send('POST /default/diff/late HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await untilMetric(gateway, 'nought_gateway_in_flight', { function: 'diff' }, 1);
  client.socket.destroy();
  const drops = 'nought_gateway_dropped_total';
  await untilMetric(gateway, drops, { function: 'diff', reason: 'client-gone' }, 1);
  const families = await scrape(gateway);
  const dropped = (name: string, reason: string): number | undefined =>
    value(families, drops, { function: name, reason });
  assert.equal(dropped('cold', 'starting'), 1);
  assert.equal(dropped('broken', 'load-failed'), 1);
  assert.equal(dropped('diff', 'pod-failed'), 2);
  assert.equal(dropped('diff', 'timeout'), 1);
  assert.equal(value(families, 'nought_gateway_quarantines_total', { function: 'diff' }), 2);
  assert.equal(
    value(families, 'nought_gateway_requests_total', { function: 'diff', code: '499' }),
    1,
  );
});

test('requests that reach no function are counted by status and reason', async () => {
  await using gateway = await Harness.start({ bodyBytes: 10 });
  gateway.function();
  await gateway.fetch('/default/nothing', post);
  await exchangeRaw(gateway.port, 'POST / HTTP/1.1\r\nbad header\r\n\r\n');
  await gateway.fetch('/default/diff', { method: 'POST', body: 'more than ten bytes' });
  const families = await scrape(gateway);
  const refused = (code: string): Readonly<Record<string, string>> | undefined =>
    families
      .get('nought_gateway_refused_total')
      ?.samples.find((sample) => sample.labels['code'] === code)?.labels;
  assert.equal(refused('404')?.['reason'], 'no-such-function');
  assert.equal(refused('400')?.['reason'], 'malformed-request');
  assert.equal(refused('413')?.['reason'], 'body-too-large');
});

test('connections over a limit are counted with the limit', async () => {
  await using gateway = await Harness.start({ connections: 1 });
  using first = new RawClient(gateway.port);
  first.send('GET /-/healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await first.until('ok');
  using second = new RawClient(gateway.port);
  await second.untilClosed();
  first.received = '';
  first.send('GET /-/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const text = await first.untilClosed();
  assert.match(text, /^nought_gateway_connections_refused_total\{reason="limit"\} 1$/m);
  assert.match(text, /^nought_gateway_connections 1$/m);
});

test('metrics at an address of their own; one that is taken ends the start with its name', async () => {
  const lines: string[] = [];
  const log = {
    ...silentLog,
    info: (_: string, fields?: LogFields) => lines.push(String(fields?.['url'])),
  };
  const metrics = { host: '127.0.0.1', port: 0 };
  await using gateway = await Harness.start({}, { log, telemetry: { metrics } });
  gateway.function();
  const url = lines.find((line) => line.endsWith('/metrics')) ?? '';
  const answer = await fetch(url);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const families = parseExposition(await answer.text());
  assert.equal(value(families, 'nought_gateway_info', { gateway: 'gateway-test' }), 1);
  assert.equal((await fetch(url, { method: 'DELETE' })).status, 405);
  assert.equal((await fetch(new URL('/default/diff', url), post)).status, 404);
  const taken = { host: '127.0.0.1', port: Number(new URL(url).port) };
  await assert.rejects(Harness.start({}, { telemetry: { metrics: taken } }), /the port is in use/);
});

test('a call that moves to another pod counts as a retry', async () => {
  await using gateway = await Harness.start();
  await using gone = await startPod();
  await using pod = await startPod();
  gateway.function({ spec: { scaling: { hardConcurrency: 1 } } });
  const { host, port } = gone;
  await gone[Symbol.asyncDispose]();
  gateway.pod({ host, port }, { name: 'gone', created: '2026-01-01T00:00:00Z' });
  gateway.pod(pod, { name: 'there', created: '2026-01-02T00:00:00Z' });
  assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  const families = await scrape(gateway);
  assert.equal(value(families, 'nought_gateway_retries_total', { function: 'diff' }), 1);
  assert.equal(value(families, 'nought_gateway_quarantines_total', { function: 'diff' }), 1);
});

test('metrics of many functions come whole, in step with the client, and to HEAD as a head', async () => {
  await using gateway = await Harness.start();
  const functions = 3000;
  for (let index = 0; index < functions; index += 1) gateway.function({ name: `f-${index}` });
  using slow = new RawClient(gateway.port);
  slow.socket.pause();
  slow.send('GET /-/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const families = await scrape(gateway);
  assert.equal(families.get('nought_function_replicas')?.samples.length, functions);
  using leaver = new RawClient(gateway.port);
  leaver.send('GET /-/metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await leaver.until('# TYPE');
  leaver.socket.destroy();
  assert.equal((await scrape(gateway)).size, families.size);
  const head = await exchangeRaw(
    gateway.port,
    'HEAD /-/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(head.endsWith('\r\n\r\n'));
  slow.socket.resume();
  assert.ok((await slow.untilClosed()).endsWith('\r\n0\r\n\r\n'));
});

test('a function that is deleted takes its series with it', async () => {
  await using gateway = await Harness.start();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  await (await gateway.fetch('/default/diff', post)).text();
  assert.match(await (await gateway.fetch('/-/metrics')).text(), /function="diff"/);
  gateway.functions.delete({ namespace: 'default', name: 'diff' });
  const text = await (await gateway.fetch('/-/metrics')).text();
  assert.doesNotMatch(text, /function="diff"/);
  parseExposition(text);
});
