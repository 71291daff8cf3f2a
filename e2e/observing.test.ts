import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CollectedSpan, Collector } from '../src/lib/testing/collector.ts';
import { type Family, parseExposition } from '../src/lib/testing/parse-exposition.ts';
import { eventually, newPlatform, type Platform } from './testing/platform.ts';

const greet = `apiVersion: nought.dev/v1
kind: Function
metadata: {name: greet}
spec:
  runtime: node
  source:
    inline: |
      export default (input, ctx) => ({ trace: ctx.headers.traceparent });
  scaling: {idle: 5m}
`;
const traceId = '0af7651916cd43dd8448eb211c80319c';
const gateways = 2;

let collector: Collector;
let platform: Platform;
/** What the pod was told of its trace, by each call. */
const told: string[] = [];

before(async () => {
  collector = await Collector.start();
  // What the user's shell has, as `nought up` finds it.
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.url;
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '50';
  process.env['OTEL_SERVICE_NAME'] = 'e2e';
  platform = await newPlatform(
    '--gateways',
    String(gateways),
    '--metrics-port',
    '0',
    '--access-log',
    'json',
  );
  await platform.start();
  await platform.apply(greet);
  for (let index = 0; index < 6; index += 1) {
    const headers = {
      traceparent: `00-${traceId}-b7ad6b716920333${index}-01`,
      connection: 'close',
    };
    const answer = await platform.call('greet', {}, { headers });
    assert.equal(answer.status, 200);
    told.push(((await answer.json()) as { readonly trace: string }).trace);
  }
});

after(async () => {
  await platform[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

async function scrape(url: string): Promise<ReadonlyMap<string, Family>> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return parseExposition(await answer.text());
}

function sum(families: ReadonlyMap<string, Family>, name: string): number {
  const samples = families.get(name)?.samples ?? [];
  return samples.reduce((total, { value }) => total + value, 0);
}

test('each gateway process has its metrics at an address of its own, and all calls are in them', async () => {
  const { metrics = [] } = platform.endpoints as { readonly metrics?: readonly string[] };
  assert.equal(metrics.length, gateways);
  const all = await Promise.all(metrics.map(scrape));
  const names = all.map((families) => families.get('nought_gateway_info')?.samples[0]?.labels);
  assert.equal(new Set(names.map((labels) => labels?.['gateway'])).size, gateways);
  const calls = all.map((families) => sum(families, 'nought_gateway_requests_total'));
  assert.equal(
    calls.reduce((total, each) => total + each, 0),
    told.length,
  );
  for (const families of all) {
    assert.equal(sum(families, 'nought_gateway_autoscaler_connected'), 1);
    assert.ok(sum(families, 'process_cpu_seconds_total') > 0);
  }
  await scrape(`${platform.gatewayUrl}/-/metrics`);
});

test('the API server tells of scaling, pools and requests, to those with a token', async () => {
  const families = parseExposition(await platform.kubectl('get', '--raw', '/metrics'));
  assert.equal(sum(families, 'nought_autoscaler_active'), 1);
  assert.equal(sum(families, 'nought_autoscaler_gateways'), gateways);
  assert.equal(sum(families, 'nought_autoscaler_desired_replicas'), 1);
  assert.ok(families.has('nought_autoscaler_poke_to_scale_seconds'));
  assert.ok(sum(families, 'apiserver_request_total') > 10);
  assert.ok(sum(families, 'process_resident_memory_bytes') > 1e7);
  const refused = await platform.tryKubectl('get', '--raw', '/metrics', '--token', 'nobody');
  assert.notEqual(refused.code, 0);
});

test('spans reach the collector, and the pod goes on in the same trace', async () => {
  const ofKind = (kind: number): readonly CollectedSpan[] =>
    collector.spans.filter((span) => span.kind === kind);
  await eventually('the spans have come', () => {
    assert.ok(ofKind(2).length >= told.length && ofKind(3).length >= told.length);
  });
  assert.deepEqual(collector.faults, []);
  const clients = ofKind(3).map(({ spanId }) => `00-${traceId}-${spanId}-01`);
  assert.deepEqual(clients.toSorted(), told.toSorted());
  assert.ok(collector.spans.every((span) => span.traceId === traceId));
  assert.ok(collector.resources.every((resource) => resource['service.name'] === 'e2e'));
});

test('each call is a line of an access log', async () => {
  await eventually('all lines are written', () => {
    const lines = ['gateway-1', 'gateway-2'].flatMap(accessLog);
    assert.equal(lines.length, told.length);
    for (const line of lines) {
      assert.equal(line['status'], 200);
      assert.equal(line['traceId'], traceId);
      assert.equal(line['function'], 'default/greet');
    }
  });
});

function accessLog(gateway: string): readonly Record<string, unknown>[] {
  let text = '';
  try {
    text = readFileSync(join(platform.home, 'logs', `${gateway}.access.log`), 'utf8');
  } catch {
    // The kernel gave it no connection.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
