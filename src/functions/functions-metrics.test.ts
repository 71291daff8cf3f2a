import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExposition } from '../lib/testing/parse-exposition.ts';
import { FunctionsMetrics } from './functions-metrics.ts';
import { replicaSet } from './testing/objects.ts';

function value(metrics: FunctionsMetrics, name: string, labels = {}): number | undefined {
  const families = [...parseExposition(metrics.text()).values()];
  return families
    .flatMap(({ samples }) => samples)
    .find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
    )?.value;
}

test('FunctionsMetrics counts steps, and times the first poke until more pods were asked for', () => {
  const metrics = new FunctionsMetrics();
  metrics.poked('default/diff', 1000);
  metrics.poked('default/diff@r1', 1040);
  metrics.stepped('default/diff', 'keep', 1041);
  metrics.stepped('default/diff', 'raise', 1050);
  metrics.stepped('default/diff', 'raise', 2000);
  const seconds = 'nought_autoscaler_poke_to_scale_seconds';
  assert.equal(value(metrics, 'nought_autoscaler_pokes_total'), 2);
  assert.equal(value(metrics, 'nought_autoscaler_steps_total', { step: 'raise' }), 2);
  assert.equal(value(metrics, 'nought_autoscaler_steps_total', { step: 'lower' }), 0);
  assert.equal(value(metrics, `${seconds}_count`), 1);
  assert.equal(value(metrics, `${seconds}_sum`), 0.05);
});

test('FunctionsMetrics does not time a poke for which there were pods enough', () => {
  const metrics = new FunctionsMetrics();
  metrics.poked('default/diff', 1000);
  metrics.settled('default/diff');
  metrics.stepped('default/diff', 'raise', 9000);
  assert.equal(value(metrics, 'nought_autoscaler_poke_to_scale_seconds_count'), 0);
});

test('FunctionsMetrics tells of demand, replicas and pools while it acts, and not after', () => {
  const metrics = new FunctionsMetrics();
  assert.equal(value(metrics, 'nought_autoscaler_active'), 0);
  metrics.serve({
    gateways: () => 2,
    demand: () => [{ key: 'default/f', requests: 7, panicking: true }],
    pools: () => [
      {
        namespace: 'default',
        runtime: 'node',
        wanted: 2,
        ready: 1,
        claimed: 5,
        missed: 1,
        spoiled: 0,
      },
    ],
    sets: () => [
      { ...replicaSet({ revision: 'r1', replicas: 3 }), status: { replicas: 3, readyReplicas: 2 } },
      { ...replicaSet({ revision: 'r0', replicas: 0 }), status: { replicas: 0 } },
    ],
  });
  const of = { namespace: 'default', function: 'f' };
  assert.equal(value(metrics, 'nought_autoscaler_active'), 1);
  assert.equal(value(metrics, 'nought_autoscaler_gateways'), 2);
  assert.equal(value(metrics, 'nought_autoscaler_demand', of), 7);
  assert.equal(value(metrics, 'nought_autoscaler_panic', of), 1);
  const desired = 'nought_autoscaler_desired_replicas';
  assert.equal(value(metrics, desired, { ...of, revision: 'r1' }), 3);
  assert.equal(value(metrics, desired, { ...of, revision: 'r0' }), undefined);
  assert.equal(value(metrics, 'nought_autoscaler_ready_replicas', { revision: 'r1' }), 2);
  const pool = { namespace: 'default', runtime: 'node' };
  assert.equal(value(metrics, 'nought_warm_pool_claimed_total', pool), 5);
  assert.equal(value(metrics, 'nought_warm_pool_ready', pool), 1);
  metrics.serve(undefined);
  assert.equal(value(metrics, 'nought_autoscaler_demand', of), undefined);
});
