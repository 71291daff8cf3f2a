import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventually,
  functionManifest,
  type Platform,
  startPlatform,
} from '../e2e/testing/platform.ts';
import type { Row } from './figure.ts';
import { quantile, spread } from './statistics.ts';

const samples = 20;
/** After the last pod has ended: its statuses are written and the machine is quiet again. */
const settleMs = 150;

interface Runtime {
  readonly name: string;
  readonly code: string;
  readonly barMs: number;
}

const runtimes: readonly Runtime[] = [
  { name: 'node', code: 'export default (input) => input;', barMs: 70 },
  { name: 'python', code: 'def handler(event): return event', barMs: 30 },
];

interface ColdCall {
  readonly firstByteMs: number;
  /** What the gateway says that the call waited for a pod. */
  readonly heldMs: number;
}

/** From a call of a function at zero to the first byte of its answer; no pool of warm pods. */
export async function measureColdStart(): Promise<readonly Row[]> {
  await using platform = await startPlatform();
  const calls = new Map<string, ColdCall[]>();
  for (const { name, code } of runtimes) {
    await platform.apply(functionManifest(name, name, code, '  scaling: {idle: 1s}\n'));
    calls.set(name, []);
  }
  for (let sample = 0; sample < samples; sample += 1) {
    await allAtZero(platform);
    await sleep(settleMs);
    // The pod of the one has booted and idles while the other is called.
    for (const { name } of runtimes) calls.get(name)?.push(await coldCall(platform, name));
  }
  return runtimes.flatMap(({ name, barMs }) => {
    const each = calls.get(name) ?? [];
    const firstBytes = each.map(({ firstByteMs }) => firstByteMs);
    const held = quantile(
      each.map(({ heldMs }) => heldMs),
      0.5,
    );
    const note = `${spread(firstBytes)} in ${each.length}; of p50 ${held.toFixed(1)} ms held for the pod`;
    return [
      {
        name: `cold start, ${name}, p50`,
        value: quantile(firstBytes, 0.5),
        unit: 'ms',
        bar: { kind: 'at most', value: barMs },
        note,
      },
      { name: `cold start, ${name}, p95`, value: quantile(firstBytes, 0.95), unit: 'ms' },
    ];
  });
}

/** Waits until no function has a pod, nor a process, and a revision of each was ready. */
async function allAtZero(platform: Platform): Promise<void> {
  await eventually('all functions are at zero', async () => {
    for (const { name } of runtimes) {
      const state = (await (await fetch(`${platform.gatewayUrl}/default/${name}`)).json()) as {
        readonly revision?: string | null;
        readonly replicas: number;
      };
      if (state.replicas !== 0 || (state.revision ?? '') === '')
        throw new Error(`${name} has pods`);
    }
    if (platform.podProcesses().length > 0) throw new Error('Pods have processes');
  });
}

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
