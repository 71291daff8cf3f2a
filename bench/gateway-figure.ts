import type { Row } from './figure.ts';
import { BenchChild } from './child.ts';
import type { LoadOrder, LoadResult } from './load-protocol.ts';
import { startNginx } from './nginx.ts';
import { cpuMicros } from './process-cost.ts';
import { median, spread } from './statistics.ts';

const rounds = 5;
const roundMs = 2000;
const warmMs = 2500;
const connections = 32;
const openRate = 3000;
const body = JSON.stringify({ question: 'x'.repeat(85) });

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  /** The proxy; none for the direct call. */
  readonly pid: number | undefined;
}

interface Round extends LoadResult {
  /** CPU per answer: of the proxy, and of the upstream. */
  readonly proxyMicros: number;
  readonly upstreamMicros: number;
}

/** CPU per request of the gateway, beside nginx and a direct call, in interleaved rounds. */
export async function measureGateway(tell: (line: string) => void): Promise<readonly Row[]> {
  await using upstream = BenchChild.run('upstream.ts', {});
  const { port: upstreamPort } = await upstream.next<{ readonly port: number }>();
  await using gateway = BenchChild.run('gateway-process.ts', { upstreamPort });
  const { port } = await gateway.next<{ readonly port: number }>();
  await using nginx = await startNginx(upstreamPort);
  if (nginx === undefined) {
    tell('nginx is not installed: its rows are left out (Debian: apt-get install nginx-light)');
  }
  const path = '/default/echo';
  const contenders: readonly Contender[] = [
    { name: 'direct', port: upstreamPort, path: '/', pid: undefined },
    { name: 'gateway', port, path, pid: gateway.pid },
    ...(nginx === undefined ? [] : [{ name: 'nginx', port: nginx.port, path, pid: nginx.pid }]),
  ];
  for (const contender of contenders) await load(contender, upstream.pid, { ms: warmMs });
  const closed = await interleave(contenders, upstream.pid, { ms: roundMs });
  const open = await interleave(contenders, upstream.pid, { ms: roundMs, rate: openRate });
  return [
    ...rows('gateway, 32 connections', closed, 1.2),
    ...rows(`gateway, ${openRate} req/s`, open, 1.3),
  ];
}

type Rounds = ReadonlyMap<string, readonly Round[]>;
type Shape = Pick<LoadOrder, 'ms' | 'rate'>;

async function interleave(
  contenders: readonly Contender[],
  upstreamPid: number,
  shape: Shape,
): Promise<Rounds> {
  const all = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      all.get(contender.name)?.push(await load(contender, upstreamPid, shape));
    }
  }
  return all;
}

async function load(contender: Contender, upstreamPid: number, shape: Shape): Promise<Round> {
  const { port, path, pid } = contender;
  const spent = (): readonly [number, number] => [
    pid === undefined ? 0 : cpuMicros(pid),
    cpuMicros(upstreamPid),
  ];
  const before = spent();
  const order: LoadOrder = { port, path, body, connections, ...shape };
  await using generator = BenchChild.run('load.ts', order);
  const result = await generator.next<LoadResult>();
  const after = spent();
  if (result.errors > 0)
    throw new Error(`${contender.name} answered ${result.errors} times not 200`);
  return {
    ...result,
    proxyMicros: (after[0] - before[0]) / result.answers,
    upstreamMicros: (after[1] - before[1]) / result.answers,
  };
}

function rows(name: string, all: Rounds, bar: number): readonly Row[] {
  const out: Row[] = [];
  for (const [contender, each] of all) {
    const of = (pick: (round: Round) => number): number => median(each.map(pick));
    const wall = `p50 ${of(({ p50 }) => p50).toFixed(2)} ms, p99 ${of(({ p99 }) => p99).toFixed(2)} ms`;
    const rate = `${Math.round(of(({ answers, seconds }) => answers / seconds))}/s`;
    const others = `upstream ${of((round) => round.upstreamMicros).toFixed(1)}, client ${of((round) => round.cpuMicros).toFixed(1)} µs`;
    const direct = contender === 'direct';
    out.push({
      name: `${name}: ${direct ? 'direct call, upstream' : contender} CPU`,
      value: of(direct ? (round) => round.upstreamMicros : (round) => round.proxyMicros),
      unit: 'µs/req',
      note: `${direct ? '' : `${spread(each.map((round) => round.proxyMicros))}; `}${rate}, ${wall}; ${others}`,
    });
  }
  const gateway = all.get('gateway');
  const nginx = all.get('nginx');
  if (gateway === undefined || nginx === undefined) return out;
  // Each round is compared with its neighbour, so that what else the machine did hits both.
  const ratios = gateway.map(
    (round, index) => round.proxyMicros / (nginx[index]?.proxyMicros ?? 0),
  );
  out.push({
    name: `${name}: gateway / nginx`,
    value: median(ratios),
    unit: '×',
    bar: { kind: 'at most', value: bar },
    note: `${spread(ratios, 2)} in ${ratios.length} rounds`,
  });
  return out;
}
