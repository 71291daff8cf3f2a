import type { FunctionObject, KubeObject, Pod } from '../src/api/index.ts';
import type { Informer } from '../src/client/index.ts';
import { RouteTable } from '../src/gateway/routes/route-table.ts';
import { resolveTarget } from '../src/gateway/routes/target.ts';
import { RecentClock } from '../src/gateway/wire/recent-clock.ts';
import { systemClock } from '../src/lib/clock.ts';
import { aborted } from '../src/lib/wait.ts';
import { median } from './statistics.ts';

const rounds = 15;
const lookups = 200_000;

/**
 * Nanoseconds of CPU from the path of a request to its route, with few and with many functions, asked
 * for in no order; medians of rounds that take turns.
 */
export function lookupNanos(few: number, many: number): readonly [number, number] {
  const small = fixture(few);
  const large = fixture(many);
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    times[0].push(look(small));
    times[1].push(look(large));
  }
  return [median(times[0]), median(times[1])];
}

interface Fixture {
  readonly table: RouteTable;
  /** Paths as bytes: a request's path is a string of its own, whose hash nobody knows yet. */
  readonly paths: readonly Buffer[];
}

function fixture(count: number): Fixture {
  const functions = Array.from({ length: count }, (_, index): FunctionObject => ({
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name: `function-${index}`, namespace: 'default', uid: `uid-${index}` },
    spec: { runtime: 'node', source: {} },
  }));
  const table = new RouteTable({
    functions: fixed(functions),
    pods: fixed<Pod>([]),
    clock: new RecentClock(systemClock),
    limits: { heldRequests: 1000, heldBytes: 1 << 24 },
    changed: () => undefined,
    drained: () => undefined,
    slots: undefined,
  });
  table.follow();
  const paths = Array.from({ length: 4096 }, () =>
    Buffer.from(`/default/function-${Math.floor(Math.random() * count)}`),
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

function fixed<T extends KubeObject>(objects: readonly T[]): Informer<T> {
  return {
    run: (signal) => aborted(signal),
    synced: () => Promise.resolve(),
    hasSynced: () => true,
    get: (key) => objects.find(({ metadata }) => metadata.name === key.name),
    list: () => objects,
    byIndex: () => [],
    handle: ({ added }) => {
      for (const object of objects) added?.(object);
      return () => undefined;
    },
  };
}
