import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Pod } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { RuntimeContainer, Sandbox } from './runtime.ts';

/** The kubelet's /stats/summary, as far as metrics need it. */
export interface StatsSummary {
  readonly node: Usage & { readonly nodeName: string };
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
    readonly containers: readonly (Usage & { readonly name: string; readonly startTime: string })[];
  }[];
}

interface Usage {
  readonly cpu: { readonly time: string; readonly usageCoreNanoSeconds: number };
  readonly memory: { readonly time: string; readonly workingSetBytes: number };
}

export interface StatsParts {
  readonly nodeName: string;
  readonly pods: readonly { readonly pod: Pod; readonly sandbox: Sandbox | undefined }[];
  readonly clock: Clock;
}

const nanosPerMs = 1_000_000;

/** What the node and the containers that run on it have used so far. */
export async function statsSummary({ nodeName, pods, clock }: StatsParts): Promise<StatsSummary> {
  const read = await Promise.all(
    pods.map(async ({ pod, sandbox }) => {
      const { name, namespace = '', uid = '' } = pod.metadata;
      const containers = await Promise.all((sandbox?.containers() ?? []).map(containerStats));
      return {
        podRef: { name, namespace, uid },
        containers: containers.filter((each) => each !== undefined),
      };
    }),
  );
  const now = clock.now();
  return {
    node: { nodeName, ...usage(now, { cpuNanos: nodeCpuNanos(), bytes: await nodeMemory() }) },
    pods: read.filter(({ containers }) => containers.length > 0),
  };
}

async function containerStats(
  container: RuntimeContainer,
): Promise<StatsSummary['pods'][number]['containers'][number] | undefined> {
  const used = await container.usage();
  if (used === undefined) return undefined;
  const { at, cpuNanos, workingSetBytes } = used;
  return {
    name: container.name,
    startTime: new Date(container.startedAt).toISOString(),
    ...usage(at, { cpuNanos, bytes: workingSetBytes }),
  };
}

function usage(
  at: number,
  { cpuNanos, bytes }: { readonly cpuNanos: number; readonly bytes: number },
): Usage {
  const time = new Date(at).toISOString();
  return {
    cpu: { time, usageCoreNanoSeconds: cpuNanos },
    memory: { time, workingSetBytes: bytes },
  };
}

function nodeCpuNanos(): number {
  let ms = 0;
  for (const { times } of cpus()) ms += times.user + times.nice + times.sys + times.irq;
  return ms * nanosPerMs;
}

/** What could not be given to others at once: the host's memory without its caches of files. */
async function nodeMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return totalmem() - (available === undefined ? freemem() : Number(available) * 1024);
}
