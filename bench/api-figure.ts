import { readFileSync } from 'node:fs';
import { startPlatform } from '../e2e/testing/platform.ts';
import type { ApiOrder, ApiPhase, ApiWatchResult } from './api-protocol.ts';
import { BenchChild } from './child.ts';
import type { Row } from './figure.ts';
import { cpuMicros } from './process-cost.ts';

const clients = 64;
const warmMs = 3000;
const createMs = 5000;
const watched = 500;
const pauseMs = 3;

/** Creates per second through HTTPS into the durable store, and how soon a watch tells of one. */
export async function measureApi(): Promise<readonly Row[]> {
  await using platform = await startPlatform();
  const { ca, token } = access(platform.endpoints.kubeconfig);
  const order: ApiOrder = {
    url: platform.endpoints.apiServer,
    ca,
    token,
    clients,
    warmMs,
    ms: createMs,
    watched,
    pauseMs,
  };
  const pid = platform.processId('control-plane');
  await using load = BenchChild.run('api-load.ts', order);
  await load.next<ApiPhase>();
  const before = cpuMicros(pid);
  const created = await load.next<ApiPhase>();
  const cpu = (cpuMicros(pid) - before) / created.creates;
  const { event, answer } = await load.next<ApiWatchResult>();
  return [
    {
      name: `API server, creates at ${clients} clients`,
      value: created.creates / created.seconds,
      unit: '/s',
      bar: { kind: 'at least', value: 3000 },
      note: `control plane's CPU ${cpu.toFixed(0)} µs each; p50 ${created.p50.toFixed(1)} ms, p99 ${created.p99.toFixed(1)} ms`,
    },
    {
      name: 'API server, create → watch event, p50',
      value: event.p50,
      unit: 'ms',
      bar: { kind: 'at most', value: 1.5 },
      note: `its own answer p50 ${answer.p50.toFixed(2)} ms`,
    },
    {
      name: 'API server, create → watch event, p99',
      value: event.p99,
      unit: 'ms',
      bar: { kind: 'at most', value: 5 },
      note: `its own answer p99 ${answer.p99.toFixed(2)} ms`,
    },
  ];
}

interface KubeconfigFile {
  readonly clusters: readonly [
    { readonly cluster: { readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** The platform writes its kubeconfig as JSON. */
function access(path: string): { readonly ca: string; readonly token: string } {
  const { clusters, users } = JSON.parse(readFileSync(path, 'utf8')) as KubeconfigFile;
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  return { ca, token: users[0].user.token };
}
