import { member, textMember, type ApiObject } from '../api-object.ts';
import type { Engine } from '../engine.ts';
import type { NodeLogOptions } from '../options.ts';
import { endpointOf } from '../subresources/node-endpoint.ts';
import { fetchFromNode } from '../subresources/node-log-client.ts';
import type { Counter } from './usage-samples.ts';

/** A node that does not answer in time has no metrics, and does not hold up those of others. */
const answerTimeoutMs = 3000;

/** The keys of the counters that scraping makes. */
export const counterKey = {
  node: (name: string): string => `node/${name}`,
  /** `start` tells a container from itself before its restart. */
  container: (uid: string, name: string, start: string): string => `${uid}/${name}/${start}`,
};

/** What one look at all nodes has found. */
export interface Scrape {
  readonly counters: ReadonlyMap<string, Counter>;
  /** By the uid of a pod: its containers that run, with their keys. */
  readonly pods: ReadonlyMap<string, readonly ScrapedContainer[]>;
}

export interface ScrapedContainer {
  readonly name: string;
  readonly key: string;
}

/** Asks the agents of these nodes what all their containers have used so far; never rejects. */
export async function scrapeNodes(
  engine: Engine,
  access: NodeLogOptions,
  nodes: readonly ApiObject[],
): Promise<Scrape> {
  const counters = new Map<string, Counter>();
  const pods = new Map<string, readonly ScrapedContainer[]>();
  await Promise.all(
    nodes.map(async (node) => {
      const { name } = node.metadata;
      const endpoint = endpointOf(node);
      if (endpoint === undefined) return;
      try {
        const signal = AbortSignal.timeout(answerTimeoutMs);
        const path = '/stats/summary';
        const summary = await readJson(await fetchFromNode(access, { endpoint, path, signal }));
        setCounter(counters, counterKey.node(name), member(summary, 'node'));
        for (const pod of listMember(summary, 'pods')) {
          const uid = textMember(member(pod, 'podRef'), 'uid');
          pods.set(uid, takeContainers(counters, uid, pod));
        }
      } catch (error) {
        engine.log.debug('A node did not tell what it uses', { node: name, error: String(error) });
      }
    }),
  );
  return { counters, pods };
}

function takeContainers(
  counters: Map<string, Counter>,
  uid: string,
  pod: unknown,
): readonly ScrapedContainer[] {
  return listMember(pod, 'containers').map((container) => {
    const name = textMember(container, 'name');
    const key = counterKey.container(uid, name, textMember(container, 'startTime'));
    setCounter(counters, key, container);
    return { name, key };
  });
}

function setCounter(counters: Map<string, Counter>, key: string, usage: unknown): void {
  const cpu = member(usage, 'cpu');
  const at = Date.parse(textMember(cpu, 'time'));
  const cpuNanos = member(cpu, 'usageCoreNanoSeconds');
  const bytes = member(member(usage, 'memory'), 'workingSetBytes');
  if (Number.isNaN(at) || typeof cpuNanos !== 'number' || typeof bytes !== 'number') return;
  counters.set(key, { at, cpuNanos, bytes });
}

function listMember(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name);
  return Array.isArray(found) ? found : [];
}

async function readJson(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return JSON.parse(Buffer.concat(all).toString());
}
