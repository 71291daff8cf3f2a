import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCertificate } from '../../lib/testing/certificates.ts';
import { Collector, type CollectedSpan } from '../../lib/testing/collector.ts';
import { startPod } from '../testing/fake-pod.ts';
import { Harness, until } from '../testing/harness.ts';
import { traceSettings, type TraceOptions } from './trace-options.ts';

const post = { method: 'POST', body: '{}' };
const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';

function options(collector: Collector, env: Record<string, string> = {}): TraceOptions {
  const { options: made } = traceSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '10',
    ...env,
  });
  assert.ok(made !== undefined);
  return made;
}

function traced(collector: Collector, env: Record<string, string> = {}): Promise<Harness> {
  return Harness.start({}, { telemetry: { traces: options(collector, env) } });
}

async function untilMetrics(gateway: Harness, pattern: RegExp): Promise<string> {
  const end = performance.now() + 5000;
  for (;;) {
    const text = await (await gateway.fetch('/-/metrics')).text();
    if (pattern.test(text)) return text;
    assert.ok(performance.now() < end, `${String(pattern)} in ${text}`);
  }
}

function headers(flags: string): { headers: Record<string, string> } {
  return {
    headers: { traceparent: `00-${traceId}-${parentId}-${flags}`, tracestate: 'vendor=1' },
  };
}

function ofKind(spans: readonly CollectedSpan[], kind: number): CollectedSpan {
  const span = spans.find((each) => each.kind === kind);
  assert.ok(span !== undefined, `no span of kind ${kind}`);
  return span;
}

test('a call becomes a server span and a client span for its pod, in the trace of the client', async () => {
  await using collector = await Collector.start();
  await using gateway = await traced(collector, {
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,team=a%2Cb',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc,x-tenant=one',
  });
  let seen = '';
  await using pod = await startPod((request, response) => {
    seen = `${String(request.headers['traceparent'])} ${String(request.headers['tracestate'])}`;
    request.resume().on('end', () => response.end('done'));
  });
  gateway.function();
  gateway.pod(pod, { name: 'pod-1' });
  const before = BigInt(Date.now() - 5) * 1_000_000n;
  await (await gateway.fetch('/default/diff/a?secret=1', { ...post, ...headers('01') })).text();
  await until(() => collector.spans.length >= 2, 'the spans have come');
  assert.deepEqual(collector.faults, []);
  const server = ofKind(collector.spans, 2);
  const client = ofKind(collector.spans, 3);
  assert.equal(collector.spans.length, 2);
  assert.equal(server.traceId, traceId);
  assert.equal(server.parentSpanId, parentId);
  assert.equal(server.traceState, 'vendor=1');
  assert.equal(server.flags, 0x301);
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(seen, `00-${traceId}-${client.spanId}-01 vendor=1`);
  assert.ok(server.startNs >= before && server.startNs <= client.startNs);
  assert.ok(client.endNs <= server.endNs && server.endNs < before + 60_000_000_000n);
  assert.equal(server.name, 'POST /default/diff');
  const { attributes } = server;
  assert.equal(attributes['http.request.method'], 'POST');
  assert.equal(attributes['url.path'], '/default/diff/a');
  assert.equal(attributes['http.route'], '/default/diff');
  assert.equal(attributes['http.response.status_code'], 200);
  assert.equal(attributes['server.address'], '127.0.0.1');
  assert.equal(attributes['server.port'], gateway.port);
  assert.equal(attributes['faas.name'], 'diff');
  assert.equal(attributes['faas.coldstart'], false);
  assert.equal(attributes['http.response.body.size'], 4);
  assert.equal(server.statusCode, 0);
  assert.equal(client.attributes['k8s.pod.name'], 'pod-1');
  assert.equal(client.attributes['server.port'], pod.port);
  assert.deepEqual(collector.resources[0], {
    'service.name': 'shop',
    'service.instance.id': 'gateway-test',
    'telemetry.sdk.name': 'nought',
    'telemetry.sdk.language': 'nodejs',
    'deployment.environment.name': 'test',
    team: 'a,b',
  });
  assert.equal(collector.headers[0]?.authorization, 'Basic abc');
  assert.equal(collector.headers[0]?.['x-tenant'], 'one');
});

test('a cold start has a span for the wait, between the call and the pod', async () => {
  await using collector = await Collector.start();
  await using gateway = await traced(collector, { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
  await using pod = await startPod();
  gateway.function();
  const answer = gateway.fetch('/default/diff', post);
  await untilMetrics(gateway, /^nought_gateway_held\{.*\} 1$/m);
  gateway.pod(pod);
  assert.equal((await answer).status, 200);
  await until(() => collector.spans.length >= 3, 'the spans have come');
  assert.deepEqual(collector.faults, []);
  const server = ofKind(collector.spans, 2);
  const wait = ofKind(collector.spans, 1);
  const client = ofKind(collector.spans, 3);
  assert.equal(wait.parentSpanId, server.spanId);
  assert.equal(wait.name, 'wait for a pod to start');
  assert.deepEqual(wait.events, ['pod has an address']);
  assert.ok(wait.endNs <= client.startNs);
  assert.equal(server.attributes['faas.coldstart'], true);
  assert.equal(server.parentSpanId, '');
  assert.equal(server.flags & 0x200, 0);
});

test('a call that fails is an error, with its reason', async () => {
  await using collector = await Collector.start();
  await using gateway = await traced(collector);
  await using pod = await startPod((request, response) => {
    request.resume();
    if (request.url === '/break') response.destroy();
    else response.writeHead(404).end();
  });
  gateway.function();
  gateway.function({ name: 'cold', spec: { coldStart: 'refuse' } });
  gateway.pod(pod);
  assert.equal((await gateway.fetch('/default/diff/break', post)).status, 502);
  assert.equal((await gateway.fetch('/default/cold', post)).status, 503);
  assert.equal((await gateway.fetch('/default/diff', post)).status, 404);
  await until(() => collector.spans.length >= 5, 'the spans have come');
  const of = (status: number): CollectedSpan | undefined =>
    collector.spans.find(
      ({ kind, attributes }) => kind === 2 && attributes['http.response.status_code'] === status,
    );
  assert.equal(of(502)?.statusCode, 2);
  assert.equal(of(502)?.attributes['error.type'], 'pod-failed');
  assert.equal(of(503)?.attributes['error.type'], 'starting');
  assert.equal(of(404)?.statusCode, 0);
  const client404 = collector.spans.find(
    ({ kind, attributes }) => kind === 3 && attributes['http.response.status_code'] === 404,
  );
  assert.equal(client404?.statusCode, 2);
});

test('what the client does not sample is passed on unsampled and not exported', async () => {
  await using collector = await Collector.start();
  await using gateway = await traced(collector);
  const seen: string[] = [];
  await using pod = await startPod((request, response) => {
    seen.push(String(request.headers['traceparent']));
    request.resume().on('end', () => response.end());
  });
  gateway.function();
  gateway.pod(pod);
  await gateway.fetch('/default/diff', { ...post, ...headers('00') });
  await gateway.fetch('/default/diff', { ...post, ...headers('01') });
  await until(() => collector.spans.length >= 2, 'the sampled one has come');
  assert.match(seen[0] ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  assert.equal(collector.spans.length, 2);
  assert.equal(`00-${traceId}-${ofKind(collector.spans, 3).spanId}-01`, seen[1]);
});

test('always_off exports nothing and says so to the pod; a ratio takes its share of traces', async () => {
  await using collector = await Collector.start();
  await using off = await traced(collector, { OTEL_TRACES_SAMPLER: 'always_off' });
  let seen = '';
  await using pod = await startPod((request, response) => {
    seen = String(request.headers['traceparent']);
    request.resume().on('end', () => response.end());
  });
  off.function();
  off.pod(pod);
  await off.fetch('/default/diff', { ...post, ...headers('01') });
  assert.match(seen, /-00$/);
  await using half = await traced(collector, {
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  });
  half.function();
  half.pod(pod);
  const low = `00-${traceId.slice(0, 19)}7ffffffffffff-${parentId}-00`;
  const high = `00-${traceId.slice(0, 19)}8000000000000-${parentId}-01`;
  await half.fetch('/default/diff', { ...post, headers: { traceparent: high } });
  assert.match(seen, /-00$/);
  await half.fetch('/default/diff', { ...post, headers: { traceparent: low } });
  assert.match(seen, /-01$/);
  await until(() => collector.spans.length === 2, 'one of the two calls has come');
});

test('a collector that is busy is asked again when it says; what it refuses is counted', async () => {
  await using collector = await Collector.start();
  await using gateway = await traced(collector);
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  const call = async (): Promise<void> => {
    await (await gateway.fetch('/default/diff', post)).text();
  };
  collector.answers.push(
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 429, headers: { 'retry-after': '0' } },
  );
  await call();
  await until(() => collector.spans.length === 2, 'the third attempt was taken');
  assert.equal(collector.headers.length, 3);
  collector.answers.push({ status: 400 });
  await call();
  await until(() => collector.headers.length === 4, 'the refused batch was sent');
  await call();
  await until(() => collector.spans.length === 4, 'later ones are taken');
  collector.answers.push({ status: 200, body: '{"partialSuccess":{"rejectedSpans":"1"}}' });
  await call();
  await until(() => collector.spans.length === 6, 'some of the last are taken');
  const text = await untilMetrics(gateway, /^nought_gateway_spans_exported_total 5$/m);
  assert.match(text, /^nought_gateway_spans_dropped_total\{reason="not-taken"\} 3$/m);
});

test('without a collector calls are served, the queue is bounded, and losses are counted', async () => {
  const collector = await Collector.start();
  await using gateway = await traced(collector, {
    OTEL_BSP_MAX_QUEUE_SIZE: '4',
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  await collector[Symbol.asyncDispose]();
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  for (let index = 0; index < 10; index += 1) {
    assert.equal((await gateway.fetch('/default/diff', post)).status, 200);
  }
  const text = await (await gateway.fetch('/-/metrics')).text();
  const dropped = Number(/spans_dropped_total\{reason="queue-full"\} ([0-9]+)/.exec(text)?.[1]);
  assert.ok(dropped >= 10 && dropped <= 16, `${dropped} dropped`);
});

test('a collector behind TLS is trusted by its certificate, and not without it', async () => {
  const tls = await makeCertificate();
  await using collector = await Collector.start(tls);
  const folder = mkdtempSync(join(tmpdir(), 'collector-'));
  const file = join(folder, 'ca.crt');
  writeFileSync(file, tls.cert);
  await using stranger = await traced(collector);
  await using gateway = await traced(collector, { OTEL_EXPORTER_OTLP_CERTIFICATE: file });
  rmSync(folder, { recursive: true });
  await using pod = await startPod();
  for (const each of [stranger, gateway]) {
    each.function();
    each.pod(pod);
    assert.equal((await each.fetch('/default/diff', post)).status, 200);
  }
  await until(() => collector.spans.length === 2, 'the spans have come');
  assert.equal(collector.headers.length, 1);
  const missing = { OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'none') };
  const { warnings } = traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...missing });
  assert.match(warnings[0] ?? '', /Cannot read the certificate/);
});

test('spans that wait are sent when the gateway stops', async () => {
  await using collector = await Collector.start();
  const gateway = await traced(collector, { OTEL_BSP_SCHEDULE_DELAY: '60000' });
  await using pod = await startPod();
  gateway.function();
  gateway.pod(pod);
  await (await gateway.fetch('/default/diff', post)).text();
  assert.equal(collector.spans.length, 0);
  await gateway.stop();
  assert.equal(collector.spans.length, 2);
});

test('traceSettings() reads the standard variables, and warns of what it cannot use', () => {
  assert.deepEqual(traceSettings({}), { options: undefined, warnings: [] });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/base/' };
  const made = traceSettings(endpoint).options;
  assert.equal(made?.url, 'http://collector:4318/base/v1/traces');
  assert.deepEqual(made?.sampler, { parentBased: true, ratio: 1 });
  assert.equal(made?.serviceName, 'nought-gateway');
  assert.equal(made?.timeoutMs, 10_000);
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in' };
  assert.equal(traceSettings({ ...endpoint, ...own }).options?.url, 'https://traces.example/in');
  assert.equal(traceSettings({ ...endpoint, OTEL_SDK_DISABLED: 'true' }).options, undefined);
  assert.equal(traceSettings({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).options, undefined);
  const grpc = traceSettings({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  assert.equal(grpc.options, undefined);
  assert.match(grpc.warnings[0] ?? '', /only http\/json/);
  assert.match(traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'x' }).warnings[0] ?? '', /"x"/);
  const ratio = {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  };
  assert.deepEqual(traceSettings({ ...endpoint, ...ratio }).options?.sampler, {
    parentBased: true,
    ratio: 0.25,
  });
  const wrong = traceSettings({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_BSP_SCHEDULE_DELAY: '-1',
  });
  assert.equal(wrong.warnings.length, 2);
  assert.equal(wrong.options?.delayMs, 5000);
});
