import { once } from 'node:events';
import { newPlatform, type Platform } from '../e2e/testing/platform.ts';
import type { Row } from './figure.ts';
import { cpuMicros, processTree } from './process-cost.ts';
import { median, spread } from './statistics.ts';

const rounds = 5;

interface Start {
  readonly seconds: number;
  /** CPU of all processes that run when it is ready. */
  readonly cpuSeconds: number;
}

/** From the start of `nought up` until it says that it is ready: on a fresh home, and once more. */
export async function measureReady(): Promise<readonly Row[]> {
  const fresh: Start[] = [];
  const again: Start[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using platform = await newPlatform();
    fresh.push(await startAndStop(platform));
    again.push(await startAndStop(platform));
  }
  return [row('ready, fresh home', fresh), row('ready, second start', again)];
}

async function startAndStop(platform: Platform): Promise<Start> {
  const begin = performance.now();
  const child = platform.spawnUp();
  const ended = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: string) => {
      if (text.includes('Ready in')) resolve();
    });
    void ended.then(() => reject(new Error(`up has ended: ${platform.output}`)));
  });
  const seconds = (performance.now() - begin) / 1000;
  const tree = processTree(child.pid ?? 0);
  const cpu = tree.map(cpuMicros).reduce((sum, each) => sum + each, 0);
  child.kill('SIGTERM');
  await ended;
  return { seconds, cpuSeconds: cpu / 1_000_000 };
}

function row(name: string, starts: readonly Start[]): Row {
  const seconds = starts.map((start) => start.seconds);
  const cpu = median(starts.map((start) => start.cpuSeconds));
  return {
    name,
    value: median(seconds),
    unit: 's',
    bar: { kind: 'at most', value: 1 },
    note: `${spread(seconds, 2)}; CPU ${cpu.toFixed(2)} s`,
  };
}
