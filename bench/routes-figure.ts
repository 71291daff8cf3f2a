import type { FunctionObject } from '../src/api/index.ts';
import { type Client, createClient, httpTransport, refs } from '../src/client/index.ts';
import { BenchChild } from './child.ts';
import type { Row } from './figure.ts';
import { cpuMicros } from './process-cost.ts';
import type { ApiAccess } from './routes-gateway.ts';
import { lookupNanos } from './routes-lookup.ts';
import { quantile } from './statistics.ts';

const few = 10;
const many = 10_000;
const creators = 32;
const changes = 60;
const idleMs = 5000;

interface Measured {
  readonly heapBytes: number;
  /** CPU per second of a gateway that nobody calls. */
  readonly idleMicros: number;
  /** From sending a change to the API server until the gateway shows it; milliseconds. */
  readonly visible: readonly number[];
}

/** What 10,000 functions cost a gateway, and how soon it knows of a change of one of them. */
export async function measureRoutes(tell: (line: string) => void): Promise<readonly Row[]> {
  await using api = BenchChild.run('routes-api.ts', {});
  const access = await api.next<ApiAccess>();
  const stop = new AbortController();
  using transport = httpTransport(access);
  const client = createClient(transport, stop.signal);
  await create(client, 0, few);
  const little = await measure(access, client, few);
  await create(client, few, many);
  tell(`  ${many} Functions are there`);
  const large = await measure(access, client, many);
  stop.abort();
  const perRoute = (large.heapBytes - little.heapBytes) / (many - few);
  const lookup = lookupNanos(few, many);
  const visible = (share: number): number => quantile(large.visible, share);
  return [
    {
      name: `routes, ${many} functions: memory of each`,
      value: perRoute,
      unit: 'B',
      bar: { kind: 'at most', value: 2048 },
      note: `heap ${megabytes(little.heapBytes)} MB with ${few}, ${megabytes(large.heapBytes)} MB with ${many}`,
    },
    {
      name: `routes, ${many} functions: lookup`,
      value: lookup.many / lookup.few,
      unit: '×',
      bar: { kind: 'at most', value: 1.1 },
      note: `of ${few} functions: ${lookup.few.toFixed(0)} ns with ${few}, ${lookup.many.toFixed(0)} with ${many}; ${lookup.scattered.toFixed(0)} when all are called in no order`,
    },
    {
      name: `routes, ${many} functions: a change is visible, p50`,
      value: visible(0.5),
      unit: 'ms',
      bar: { kind: 'at most', value: 20 },
      note: `p95 ${visible(0.95).toFixed(1)} ms; with ${few} functions p50 ${quantile(little.visible, 0.5).toFixed(1)} ms`,
    },
    {
      name: `routes, ${many} functions: idle gateway`,
      value: large.idleMicros / 1000,
      unit: 'ms CPU/s',
      note: `${(little.idleMicros / 1000).toFixed(1)} with ${few}`,
    },
  ];
}

async function measure(access: ApiAccess, client: Client, functions: number): Promise<Measured> {
  await using gateway = BenchChild.run('routes-gateway.ts', access);
  const { port, heapBytes } = await gateway.next<{ port: number; heapBytes: number }>();
  const before = cpuMicros(gateway.pid);
  await new Promise((resolve) => {
    setTimeout(resolve, idleMs);
  });
  const idleMicros = ((cpuMicros(gateway.pid) - before) / idleMs) * 1000;
  const visible: number[] = [];
  for (let round = 1; round <= changes; round += 1) {
    const name = nameOf((round * 7919) % functions);
    visible.push(await change(client, { name, replicas: round }, port));
  }
  return { heapBytes, idleMicros, visible: visible.slice(changes / 6) };
}

/** Changes a function's status, and asks the gateway until it says so. */
async function change(
  client: Client,
  { name, replicas }: { readonly name: string; readonly replicas: number },
  port: number,
): Promise<number> {
  const start = performance.now();
  const patched = client
    .resource(refs.functions)
    .patch(
      { name, namespace: 'default' },
      { status: { replicas } },
      { type: 'merge', subresource: 'status' },
    );
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/default/${name}`);
    const state = (await answer.json()) as { readonly replicas: number };
    if (state.replicas === replicas) break;
  }
  const elapsed = performance.now() - start;
  await patched;
  return elapsed;
}

async function create(client: Client, from: number, to: number): Promise<void> {
  let next = from;
  const work = async (): Promise<void> => {
    while (next < to) {
      const object = functionObject(next);
      next += 1;
      const created = await client.resource(refs.functions).create(object);
      const { status } = object;
      await client
        .resource(refs.functions)
        .patch(created.metadata, { status }, { type: 'merge', subresource: 'status' });
    }
  };
  await Promise.all(Array.from({ length: creators }, work));
}

function nameOf(index: number): string {
  return `function-${String(index).padStart(5, '0')}`;
}

/** A Function as users write them and the controller keeps them. */
export function functionObject(index: number): FunctionObject {
  const at = new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString();
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True' as const,
    reason,
    message,
    lastTransitionTime: at,
    observedGeneration: 1,
  });
  return {
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: {
      name: nameOf(index),
      namespace: 'default',
      labels: { team: `team-${index % 50}`, 'app.kubernetes.io/part-of': 'shop' },
      annotations: { 'example.com/owner': `owner-${index}@example.com` },
    },
    spec: {
      runtime: 'node',
      source: { inline: `export default ({ x }) => ({ y: x + ${index} });\n`.repeat(10) },
      env: [{ name: 'INDEX', value: String(index) }],
      timeout: '30s',
      scaling: { min: 0, max: 20, concurrency: 20 },
    },
    status: {
      conditions: [
        condition('Ready', 'Ready', `Revision ${index} is ready`),
        condition('Serving', 'Serving', `Revision ${index} takes all calls`),
      ],
      observedGeneration: 1,
      replicas: 0,
      readyReplicas: 0,
      revision: `r${index.toString(36).padStart(9, '0')}`,
      url: `http://127.0.0.1:8080/default/${nameOf(index)}`,
      lastInvoked: at,
    },
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
