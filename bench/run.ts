/**
 * Measures the platform against the bars of DESIGN.md section 8, all on this machine in one run.
 * `npm run bench [ready memory cold-start gateway routes api]`; without names it measures everything.
 */
import { formatRows, type Measure, type Row } from './figure.ts';
import { measureApi } from './api-figure.ts';
import { measureColdStart } from './cold-start-figure.ts';
import { measureGateway } from './gateway-figure.ts';
import { measureMemory } from './memory-figure.ts';
import { measureReady } from './ready-figure.ts';
import { measureRoutes } from './routes-figure.ts';

const figures: Readonly<Record<string, Measure>> = {
  ready: measureReady,
  memory: measureMemory,
  'cold-start': measureColdStart,
  gateway: measureGateway,
  routes: measureRoutes,
  api: measureApi,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in figures));
if (unknown.length > 0) {
  console.error(
    `Cannot measure "${unknown.join('", "')}": known are ${Object.keys(figures).join(', ')}`,
  );
  process.exit(2);
}

const rows: Row[] = [];
for (const [name, measure] of Object.entries(figures)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const start = performance.now();
  console.error(`measuring ${name} …`);
  try {
    rows.push(...(await measure((line) => console.error(line))));
  } catch (error) {
    console.error(`Cannot measure ${name}: ${(error as Error).message}`);
    process.exitCode = 1;
  }
  console.error(`  took ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
console.log(formatRows(rows));
