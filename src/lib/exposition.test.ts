import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Exposition, labelPairs } from './exposition.ts';
import { Histogram } from './histogram.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { parseExposition } from './testing/parse-exposition.ts';

test('Exposition writes what a strict parser reads back, whatever labels and help hold', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.double({ noNaN: true, min: 0 }),
      (label, help, value) => {
        const out = new Exposition()
          .family('things_total', 'counter', help)
          .sample('things_total', labelPairs({ label, other: 'x' }), value);
        const [sample] = parseExposition(out.take()).get('things_total')?.samples ?? [];
        assert.deepEqual({ ...sample?.labels }, { label, other: 'x' });
        assert.equal(sample?.value, value);
      },
    ),
  );
});

test('Histogram counts each observation in the first bucket that holds it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 10, noNaN: true })), (values) => {
      const histogram = new Histogram([0.5, 1, 5]);
      for (const value of values) histogram.observe(value);
      const atMost = (bound: number): number => values.filter((value) => value <= bound).length;
      assert.deepEqual(histogram.cumulative(), [atMost(0.5), atMost(1), atMost(5), values.length]);
      const text = new Exposition().family('h', 'histogram', 'x').histogram('h', '', histogram);
      assert.equal(parseExposition(text.take()).get('h')?.samples.length, 6);
    }),
  );
});

test('ProcessMetrics tells of this process under the standard names', () => {
  using metrics = new ProcessMetrics();
  const families = parseExposition(metrics.text());
  const value = (name: string): number => families.get(name)?.samples[0]?.value ?? Number.NaN;
  assert.ok(value('process_cpu_seconds_total') > 0);
  assert.ok(value('process_resident_memory_bytes') > 1e6);
  assert.ok(
    Math.abs(value('process_start_time_seconds') + process.uptime() - Date.now() / 1000) < 5,
  );
  assert.ok(families.has('nodejs_eventloop_delay_seconds'));
});
