import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InvocationObject } from '../../api/index.ts';
import { InvocationsMetrics } from './invocations-metrics.ts';

const again = { kind: 'again', afterMs: 1, error: { title: '', detail: '' } } as const;

test('InvocationsMetrics counts attempts by outcome and times what is finished, until the function is gone', () => {
  const metrics = new InvocationsMetrics();
  metrics.judged('ns/f', { ...again, counted: true }, 10);
  metrics.judged('ns/f', { ...again, counted: false }, 20);
  metrics.judged('ns/f', { kind: 'succeeded', response: { status: 200 } }, 2000);
  metrics.deadLettered('ns/f');
  const text = metrics.text();
  const ofF = 'namespace="ns",function="f"';
  for (const line of [
    `nought_invocation_attempts_total{${ofF},outcome="repeated"} 1`,
    `nought_invocation_attempts_total{${ofF},outcome="undelivered"} 1`,
    `nought_invocation_attempts_total{${ofF},outcome="succeeded"} 1`,
    `nought_invocation_attempts_total{${ofF},outcome="failed"} 0`,
    `nought_invocation_duration_seconds_sum{${ofF}} 2`,
    `nought_invocation_duration_seconds_count{${ofF}} 1`,
    `nought_invocation_dead_letters_total{${ofF}} 1`,
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n---\n${text}`);
  }
  metrics.forget('ns/f');
  assert.ok(!metrics.text().includes('function="f"'));
});

test('InvocationsMetrics shows the invocations there are by phase, while it is served', () => {
  const metrics = new InvocationsMetrics();
  const one = (phase?: 'Running'): InvocationObject => ({
    apiVersion: 'nought.dev/v1',
    kind: 'Invocation',
    metadata: { name: 'a', namespace: 'ns' },
    spec: { functionRef: { name: 'f' }, request: { method: 'POST', path: '/' } },
    ...(phase === undefined ? {} : { status: { phase } }),
  });
  metrics.serve(() => [one(), one('Running'), one('Running')]);
  const text = metrics.text();
  assert.match(text, /nought_invocations\{namespace="ns",function="f",phase="Pending"\} 1\n/);
  assert.match(text, /nought_invocations\{namespace="ns",function="f",phase="Running"\} 2\n/);
  metrics.serve(undefined);
  assert.doesNotMatch(metrics.text(), /nought_invocations\{/);
});
