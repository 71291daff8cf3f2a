import type { FunctionObject, Pod } from '../src/api/index.ts';
import { RouteTable } from '../src/gateway/routes/route-table.ts';
import { resolveTarget } from '../src/gateway/routes/target.ts';
import { RecentClock } from '../src/gateway/wire/recent-clock.ts';
import { systemClock } from '../src/lib/clock.ts';
import { fixedInformer } from './fixed-informer.ts';
import { median } from './statistics.ts';

const rounds = 15;
const lookups = 200_000;

export interface LookupNanos {
  /** In a table of few functions. */
  readonly few: number;
  /** In a table of many, of which as few are called. */
  readonly many: number;
  /** The same, all of them called in no order: what it costs that they fit no cache of the processor. */
  readonly scattered: number;
}

/** CPU from the path of a request to its route; medians of rounds that take turns. */
export function lookupNanos(few: number, many: number): LookupNanos {
  const fixtures = [fixture(few, few), fixture(many, few), fixture(many, many)];
  const times: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    fixtures.forEach((each, index) => times[index]?.push(look(each)));
  }
  const [small = 0, large = 0, scattered = 0] = times.map(median);
  return { few: small, many: large, scattered };
}

interface Fixture {
  readonly table: RouteTable;
  /** Paths as bytes: a request's path is a string of its own, whose hash nobody knows yet. */
  readonly paths: readonly Buffer[];
}

function fixture(count: number, called: number): Fixture {
  const functions = Array.from({ length: count }, (_, index): FunctionObject => ({
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name: `function-${index}`, namespace: 'default', uid: `uid-${index}` },
    spec: { runtime: 'node', source: {} },
  }));
  const table = new RouteTable({
    functions: fixedInformer(functions),
    pods: fixedInformer<Pod>([]),
    clock: new RecentClock(systemClock),
    limits: { heldRequests: 1000, heldBytes: 1 << 24 },
    changed: () => undefined,
    drained: () => undefined,
    slots: undefined,
  });
  table.follow();
  const paths = Array.from({ length: 4096 }, () =>
    Buffer.from(`/default/function-${Math.floor(Math.random() * called)}`),
  );
  return { table, paths };
}

function look({ table, paths }: Fixture): number {
  const before = process.cpuUsage().user;
  let found = 0;
  for (let index = 0; index < lookups; index += 1) {
    const target = (paths[index % paths.length] as Buffer).toString('latin1');
    const resolved = resolveTarget(
      { method: 'POST', target, host: 'localhost:8080', websocket: false },
      'localhost',
    );
    if (resolved.kind === 'call' && table.get(resolved.function) !== undefined) found += 1;
  }
  if (found !== lookups) throw new Error(`${lookups - found} functions were not found`);
  return ((process.cpuUsage().user - before) * 1000) / lookups;
}
