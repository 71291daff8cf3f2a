import { availableParallelism } from 'node:os';
import { BenchChild } from './child.ts';
import type { Row } from './figure.ts';
import { answerParameter, type LoadOrder, type LoadResult } from './load-protocol.ts';
import { startNginx } from './nginx.ts';
import { cpuMicros } from './process-cost.ts';
import { median, spread } from './statistics.ts';

const warmMs = 2500;
const path = '/default/echo';
const smallBytes = 100;
const mebibyte = 1024 * 1024;
/** Gateways, their clients and the upstream each need a core for two gateways to serve twice as much. */
const coresForTwo = 6;

/** One way to use the proxies. */
interface Scenario {
  readonly name: string;
  readonly order: Pick<LoadOrder, 'path' | 'sendBytes' | 'connections' | 'rate'>;
  readonly rounds: number;
  readonly ms: number;
  /** Of the gateway's CPU by nginx's. */
  readonly bar: number;
  readonly unit: 'µs/req' | 'µs/MiB';
}

const small = { path, sendBytes: smallBytes, connections: 32 };
const scenarios: readonly Scenario[] = [
  { name: '32 connections', order: small, rounds: 9, ms: 1000, bar: 1.2, unit: 'µs/req' },
  {
    name: '3000 req/s',
    order: { ...small, rate: 3000 },
    rounds: 5,
    ms: 1500,
    bar: 1.3,
    unit: 'µs/req',
  },
  {
    name: '1 MiB up',
    order: { path, sendBytes: mebibyte, connections: 8 },
    rounds: 7,
    ms: 1000,
    bar: 1.3,
    unit: 'µs/MiB',
  },
  {
    name: '1 MiB down',
    order: {
      path: `${path}?${answerParameter}=${mebibyte}`,
      sendBytes: smallBytes,
      connections: 8,
    },
    rounds: 7,
    ms: 1000,
    bar: 1.3,
    unit: 'µs/MiB',
  },
];

interface Contender {
  readonly name: string;
  readonly port: number;
  /** The proxy; none for the direct call. */
  readonly pid: number | undefined;
}

interface Round extends LoadResult {
  /** CPU per answer: of the proxy, and of the upstream. */
  readonly proxyMicros: number;
  readonly upstreamMicros: number;
}

type Rounds = ReadonlyMap<string, readonly Round[]>;

/** CPU per request and per MiB of the gateway, beside nginx and a direct call, in interleaved rounds. */
export async function measureGateway(tell: (line: string) => void): Promise<readonly Row[]> {
  await using upstream = BenchChild.run('upstream.ts', {});
  const { port: upstreamPort } = await upstream.next<{ readonly port: number }>();
  await using gateway = BenchChild.run('gateway-process.ts', { upstreamPort });
  const { port } = await gateway.next<{ readonly port: number }>();
  await using nginx = await startNginx(upstreamPort);
  if (nginx === undefined) {
    tell('nginx is not installed: its rows are left out (Debian: apt-get install nginx-light)');
  }
  const direct = { name: 'direct', port: upstreamPort, pid: undefined };
  const ours = { name: 'gateway', port, pid: gateway.pid };
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    const isSmall = scenario.unit === 'µs/req';
    const theirs =
      nginx === undefined
        ? []
        : isSmall
          ? [{ name: 'nginx', port: nginx.port, pid: nginx.pid }]
          : [
              { name: 'nginx', port: nginx.streamingPort, pid: nginx.pid },
              { name: 'nginx, its defaults', port: nginx.port, pid: nginx.pid },
            ];
    tell(`  ${scenario.name}`);
    const contenders = [...(isSmall ? [direct] : []), ours, ...theirs];
    rows.push(...rowsOf(scenario, await interleave(scenario, contenders, upstream.pid)));
  }
  tell('  two gateways');
  rows.push(await twoGateways(ours, upstream.pid, upstreamPort));
  return rows;
}

async function interleave(
  scenario: Scenario,
  contenders: readonly Contender[],
  upstreamPid: number,
): Promise<Rounds> {
  for (const contender of contenders)
    await load(contender, upstreamPid, { ...scenario, ms: warmMs });
  const all = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < scenario.rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      all.get(contender.name)?.push(await load(contender, upstreamPid, scenario));
    }
  }
  return all;
}

async function load(
  { name, port, pid }: Contender,
  upstreamPid: number,
  { order, ms }: Pick<Scenario, 'order' | 'ms'>,
): Promise<Round> {
  const spent = (): readonly [number, number] => [
    pid === undefined ? 0 : cpuMicros(pid),
    cpuMicros(upstreamPid),
  ];
  await using generator = BenchChild.run('load.ts', { ...order, port, ms } satisfies LoadOrder);
  const before = spent();
  const result = await generator.next<LoadResult>();
  const after = spent();
  if (result.errors > 0) throw new Error(`${name} answered ${result.errors} times not 200`);
  return {
    ...result,
    proxyMicros: (after[0] - before[0]) / result.answers,
    upstreamMicros: (after[1] - before[1]) / result.answers,
  };
}

function rowsOf({ name, bar, unit }: Scenario, all: Rounds): readonly Row[] {
  const out: Row[] = [];
  for (const [contender, each] of all) {
    const of = (pick: (round: Round) => number): number => median(each.map(pick));
    const wall = `p50 ${of(({ p50 }) => p50).toFixed(2)} ms, p99 ${of(({ p99 }) => p99).toFixed(2)} ms`;
    const rate = `${Math.round(of(({ answers, seconds }) => answers / seconds))}/s`;
    const others = `upstream ${of((round) => round.upstreamMicros).toFixed(1)}, client ${of((round) => round.cpuMicros).toFixed(1)} µs`;
    const direct = contender === 'direct';
    out.push({
      name: `gateway, ${name}: ${direct ? 'direct call, upstream' : contender} CPU`,
      value: of(direct ? (round) => round.upstreamMicros : (round) => round.proxyMicros),
      unit,
      note: `${direct ? '' : `${spread(each.map((round) => round.proxyMicros))}; `}${rate}, ${wall}; ${others}`,
    });
  }
  const ours = all.get('gateway');
  const theirs = all.get('nginx');
  if (ours === undefined || theirs === undefined) return out;
  // Each round is compared with its neighbour, so that what else the machine did hits both.
  const ratios = ours.map((round, index) => round.proxyMicros / (theirs[index]?.proxyMicros ?? 0));
  out.push({
    name: `gateway, ${name}: gateway / nginx`,
    value: median(ratios),
    unit: '×',
    bar: { kind: 'at most', value: bar },
    note: `${spread(ratios, 2)} in ${ratios.length} rounds`,
  });
  return out;
}

/** How much more two gateways on one port serve than the one of them alone. */
async function twoGateways(
  one: Contender,
  upstreamPid: number,
  upstreamPort: number,
): Promise<Row> {
  const shape = { order: small, ms: 1500 };
  const alone: number[] = [];
  const both: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    alone.push(rateOf(await load(one, upstreamPid, shape)));
    await using second = BenchChild.run('gateway-process.ts', { upstreamPort, port: one.port });
    await second.next();
    await load(one, upstreamPid, { ...shape, ms: warmMs });
    both.push(rateOf(await load(one, upstreamPid, shape)));
  }
  const cores = availableParallelism();
  const rates = `${Math.round(median(alone))}/s and ${Math.round(median(both))}/s`;
  return {
    name: 'gateway, two processes: requests per second by one',
    value: median(both) / median(alone),
    unit: '×',
    ...(cores < coresForTwo ? {} : { bar: { kind: 'at least', value: 1.7 } }),
    note: cores < coresForTwo ? `${rates}; ${cores} cores are too few for them` : rates,
  };
}

function rateOf({ answers, seconds }: LoadResult): number {
  return answers / seconds;
}
