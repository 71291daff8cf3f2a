import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventually,
  functionManifest,
  type Platform,
  startPlatform,
} from '../e2e/testing/platform.ts';
import { formatRows, type Row } from './figure.ts';
import { memoryOfTree } from './process-cost.ts';
import { median, quantile, spread } from './statistics.ts';

const samples = 20;
/** After the last pod has ended: its statuses are written and the machine is quiet again. */
const settleMs = 150;
/** A pool rests before it boots what was claimed, and then boots it. */
const refillMs = 700;
const burst = 20;
const bursts = 5;
/** Bursts that may pass before the pool is as large as they are. */
const lessons = 5;
const pollMs = 200;

interface Runtime {
  readonly name: 'node' | 'python';
  readonly code: string;
  readonly scratchMs: number;
  readonly warmMs: { readonly p50: number; readonly p95?: number };
}

const runtimes: readonly Runtime[] = [
  {
    name: 'node',
    code: 'export default (input) => input;',
    scratchMs: 70,
    warmMs: { p50: 8, p95: 25 },
  },
  {
    name: 'python',
    code: 'def handler(event): return event',
    scratchMs: 30,
    warmMs: { p50: 6 },
  },
];
const idle = '  scaling: {idle: 1s}\n';

interface ColdCall {
  readonly firstByteMs: number;
  /** What the gateway says that the call waited for a pod. */
  readonly heldMs: number;
}

/** From a call of a function at zero to the first byte of its answer. */
export async function measureColdStart(tell: (line: string) => void): Promise<readonly Row[]> {
  const scratch = await measureCalls('off', 0);
  const warm = await measureCalls('1', 1);
  const rows: Row[] = [];
  for (const { name, scratchMs, warmMs } of runtimes) {
    const empty = scratch.get(name) ?? [];
    const pooled = warm.get(name) ?? [];
    rows.push(row(`cold start, ${name}, empty pool, p50`, empty, 0.5, scratchMs));
    rows.push(row(`cold start, ${name}, empty pool, p95`, empty, 0.95));
    rows.push(row(`cold start, ${name}, warm pool, p50`, pooled, 0.5, warmMs.p50));
    rows.push(row(`cold start, ${name}, warm pool, p95`, pooled, 0.95, warmMs.p95));
  }
  tell(formatRows(rows));
  return [...rows, ...(await measureBursts(tell))];
}

/** Calls of both runtimes in turn, each from zero, with pools of this size. */
async function measureCalls(
  warmPool: string,
  pooled: number,
): Promise<ReadonlyMap<string, readonly ColdCall[]>> {
  await using platform = await startPlatform('--warm-pool', warmPool);
  const calls = new Map<string, ColdCall[]>();
  for (const { name, code } of runtimes) {
    await platform.apply(functionManifest(name, name, code, idle));
    calls.set(name, []);
  }
  const names = runtimes.map(({ name }) => name);
  for (let sample = 0; sample < samples; sample += 1) {
    await allAtZero(platform, names, pooled * runtimes.length);
    await sleep(pooled === 0 ? settleMs : refillMs);
    // The pod of the one has booted and idles while the other is called.
    for (const name of names) calls.get(name)?.push(await coldCall(platform, name));
  }
  return calls;
}

/** Many functions at zero that are called at once, after one such burst has taught the pool. */
async function measureBursts(tell: (line: string) => void): Promise<readonly Row[]> {
  await using platform = await startPlatform();
  const names = Array.from({ length: burst }, (_, index) => `f${index}`);
  const code = runtimes[0]?.code ?? '';
  await platform.apply(
    names.map((name) => functionManifest(name, 'node', code, idle)).join('---\n'),
  );
  const lasts: number[] = [];
  for (let round = 0; lasts.length < bursts && round < bursts + lessons; round += 1) {
    const waiting = await allAtZero(platform, names, 1);
    await sleep(refillMs);
    const calls = await Promise.all(names.map((name) => coldCall(platform, name)));
    const last = Math.max(...calls.map(({ firstByteMs }) => firstByteMs));
    // A slow machine spreads a burst so far that the pool learns it in parts.
    if (waiting >= burst) lasts.push(last);
    tell(`  ${burst} calls, ${waiting} pods in the pool: last after ${last.toFixed(0)} ms`);
  }
  await allAtZero(platform, names, burst);
  return [
    {
      name: `cold start, ${burst} Node functions at once, warm pool, last`,
      value: quantile(lasts, 0.5),
      unit: 'ms',
      bar: { kind: 'at most', value: 100 },
      note: `${spread(lasts)} in ${lasts.length} bursts`,
    },
    await measureWaiting(platform),
  ];
}

/** What a pod that waits holds of memory, beside as many bare interpreters at the same time. */
async function measureWaiting(platform: Platform): Promise<Row> {
  const servers = platform.podProcesses().filter((pid) => !isShell(pid));
  const bare = servers.map(() =>
    spawn(process.execPath, ['-e', 'console.log(0); setInterval(() => {}, 1e9)'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  try {
    await Promise.all(bare.map(({ stdout }) => once(stdout, 'data')));
    const pss = (pids: readonly number[]): number =>
      median(pids.map((pid) => memoryOfTree(pid)[0]?.pss ?? Number.NaN));
    const own = pss(servers);
    const least = pss(bare.flatMap(({ pid }) => pid ?? []));
    return {
      name: 'memory of a waiting Node pod (PSS) / bare node',
      value: own / least,
      unit: 'x',
      bar: { kind: 'at most', value: 1.3 },
      note: `${own.toFixed(1)} and ${least.toFixed(1)} MB, ${servers.length} of each`,
    };
  } finally {
    for (const child of bare) child.kill('SIGKILL');
  }
}

/** Of a pod's processes, the shell that waits for the function server. */
function isShell(pid: number): boolean {
  return /^(ba|da)?sh$/m.test(readFileSync(`/proc/${pid}/comm`, 'utf8'));
}

function row(name: string, calls: readonly ColdCall[], part: number, barMs?: number): Row {
  const firstBytes = calls.map(({ firstByteMs }) => firstByteMs);
  const held = quantile(
    calls.map(({ heldMs }) => heldMs),
    part,
  );
  return {
    name,
    value: quantile(firstBytes, part),
    unit: 'ms',
    ...(barMs === undefined ? {} : { bar: { kind: 'at most', value: barMs } as const }),
    note: `${spread(firstBytes)} in ${calls.length}; ${held.toFixed(1)} ms held for the pod`,
  };
}

/**
 * Waits until no function has a pod, a revision of each was ready, and at least so many booted pods
 * wait; gives their number.
 */
async function allAtZero(
  platform: Platform,
  names: readonly string[],
  waiting: number,
): Promise<number> {
  const format = 'jsonpath={range .items[*]}{.metadata.labels}{.status.conditions}{"\\n"}{end}';
  let booted = 0;
  await eventually(
    'all functions are at zero',
    async () => {
      await sleep(pollMs);
      for (const name of names) {
        const state = (await (await fetch(`${platform.gatewayUrl}/default/${name}`)).json()) as {
          readonly revision?: string | null;
        };
        if ((state.revision ?? '') === '') throw new Error(`${name} was never ready`);
      }
      const pods = (await platform.kubectl('get', 'pods', '-o', format)).split('\n').slice(0, -1);
      booted = pods.filter((pod) => pod.includes('nought.dev/pool') && isReady.test(pod)).length;
      if (pods.length !== booted || booted < waiting) throw new Error(pods.join('\n'));
    },
    120_000,
  );
  return booted;
}

const isReady = /"status":"True","type":"Ready"/;

function coldCall(platform: Platform, name: string): Promise<ColdCall> {
  const body = JSON.stringify({ x: 1 });
  const port = Number(new URL(platform.gatewayUrl).port);
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.write(
      `POST /default/${name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    socket.once('data', (chunk: Buffer) => {
      const firstByteMs = performance.now() - start;
      const head = chunk.toString('latin1');
      const held = /\r\nserver-timing: cold;dur=([\d.]+)/i.exec(head);
      socket.destroy();
      if (!head.startsWith('HTTP/1.1 200') || held === null) {
        reject(new Error(`Not a cold call: ${head}`));
      } else {
        resolve({ firstByteMs, heldMs: Number(held[1]) });
      }
    });
    socket.once('error', reject);
  });
}
