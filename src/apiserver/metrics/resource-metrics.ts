import { formatTime, parseQuantity } from '../../api/index.ts';
import type { ApiObject } from '../api-object.ts';
import { itemOf, listAnswer, objectAnswer, presentationOf } from '../codec/present.ts';
import type { Engine } from '../engine.ts';
import type { NodeLogOptions } from '../options.ts';
import { badRequest, methodNotAllowed, notFound, unknownPath } from '../refusals.ts';
import type { Resource } from '../registry/resource.ts';
import type { Answer, ServerRequest } from '../request.ts';
import type { RequestInfo } from '../routing/request-info.ts';
import { listObjects } from '../storage/list-objects.ts';
import { readObject } from '../verbs/get.ts';
import { readPage } from '../verbs/list.ts';
import { isTrue, parseListOptions } from '../verbs/list-options.ts';
import { parseSelection } from '../verbs/selection.ts';
import { counterKey, type ScrapedContainer, scrapeNodes } from './scrape-nodes.ts';
import { minSpanMs, type Rate, UsageSamples } from './usage-samples.ts';

export const metricsGroup = 'metrics.k8s.io';

/** The window of metrics when a request does not say otherwise by `windowSeconds`. */
const defaultWindowMs = 15_000;
const longestWindowSeconds = 600;
/** How far apart two samples are that are taken because there was none before. */
const firstSpanMs = 1000;
/** A sample is good for another answer this long: a tenth of the window, within bounds. */
const freshness = { share: 0.1, leastMs: 100, mostMs: 1500 };

/** One request for metrics. */
interface MetricsRequest {
  readonly request: ServerRequest;
  readonly resource: Resource;
  readonly info: Extract<RequestInfo, { kind: 'resource' }>;
}

/**
 * metrics.k8s.io: what nodes and pods use, told from two looks at the nodes' agents.
 *
 * Invariants:
 * 1. Nodes are looked at only when somebody asks, and once at a time; so that metrics cost nothing
 *    that nobody reads. The first answer after a pause therefore takes a second.
 * 2. A pod is told of only when all its running containers are known over some time; else it is left
 *    out of lists, and not found by its name, as of metrics-server.
 */
export class ResourceMetrics {
  readonly #engine: Engine;
  readonly #access: NodeLogOptions;
  readonly #samples = new UsageSamples();
  #pods: ReadonlyMap<string, readonly ScrapedContainer[]> = new Map();
  #scraping: Promise<void> | undefined;

  constructor(engine: Engine, access: NodeLogOptions) {
    this.#engine = engine;
    this.#access = access;
  }

  /** Throws StatusError 404, 405. */
  async answer(asked: MetricsRequest): Promise<Answer> {
    const { request, resource, info } = asked;
    const { namespaced } = resource.descriptor;
    if (info.subresource !== undefined || (!namespaced && info.namespace !== undefined)) {
      throw unknownPath();
    }
    if (request.method !== 'GET' || isTrue(request.query.get('watch'))) {
      throw methodNotAllowed(`the method ${request.method}`);
    }
    const presentation = presentationOf(request.accept, request.query, this.#engine.clock.now());
    const windowMs = windowOf(request.query);
    const subjects = await this.#subjects(asked);
    await this.#look(windowMs, request.signal);
    const items = subjects.flatMap((subject) => this.#metricsOf(resource, subject, windowMs) ?? []);
    if (info.name === undefined) {
      return listAnswer(presentation, resource, items.map(itemOf), { resourceVersion: '' });
    }
    const [item] = items;
    if (item === undefined) {
      const name = namespaced ? `${info.namespace ?? ''}/${info.name}` : info.name;
      const plural = resource.descriptor.kind.toLowerCase();
      throw notFound({ group: metricsGroup, plural }, name);
    }
    return objectAnswer(presentation, resource, { item: itemOf(item), status: 200 });
  }

  /** The pods or nodes that the request is about. */
  async #subjects({ request, resource, info }: MetricsRequest): Promise<readonly ApiObject[]> {
    const engine = this.#engine;
    const of = this.#core(resource.descriptor.plural);
    const call = { engine, request, resource: of, namespace: info.namespace };
    if (info.name !== undefined) {
      if (resource.descriptor.namespaced && info.namespace === undefined) throw unknownPath();
      return [(await readObject({ ...call, name: info.name })).object];
    }
    const options = parseListOptions(new URLSearchParams());
    const { items } = await readPage(call, options, parseSelection(request.query, of));
    return items.map(({ object }) => object);
  }

  #metricsOf(resource: Resource, subject: ApiObject, windowMs: number): ApiObject | undefined {
    const { name, namespace, labels, uid = '' } = subject.metadata;
    const head = {
      kind: resource.descriptor.kind,
      apiVersion: resource.apiVersion,
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        creationTimestamp: formatTime(this.#engine.clock.now()),
        ...(labels === undefined ? {} : { labels }),
      },
    };
    if (!resource.descriptor.namespaced) {
      const rate = this.#samples.rate(counterKey.node(name), windowMs);
      return rate && { ...head, ...times(rate), usage: usageOf(rate) };
    }
    const containers = this.#pods.get(uid) ?? [];
    const rates = containers.flatMap(({ key }) => this.#samples.rate(key, windowMs) ?? []);
    const [shortest] = rates.toSorted((a, b) => a.windowMs - b.windowMs);
    if (shortest === undefined || rates.length < containers.length) return undefined;
    return {
      ...head,
      ...times(shortest),
      containers: rates.map((rate, index) => ({
        name: containers[index]?.name ?? '',
        usage: usageOf(rate),
      })),
    };
  }

  /** Sees to samples from which rates over about this window can be told. */
  async #look(windowMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#engine;
    const { share, leastMs, mostMs } = freshness;
    const goodForMs = Math.min(mostMs, Math.max(leastMs, windowMs * share));
    const { newest } = this.#samples;
    if (newest === undefined || clock.monotonic() - newest.at > goodForMs) await this.#scrape();
    if (this.#samples.covers(windowMs)) return;
    const at = this.#samples.newest?.at ?? clock.monotonic();
    await clock.sleep(Math.max(minSpanMs, at + firstSpanMs - clock.monotonic()), signal);
    await this.#scrape();
  }

  /** One look at all nodes, shared by all who ask meanwhile. */
  #scrape(): Promise<void> {
    this.#scraping ??= this.#scrapeNow().finally(() => {
      this.#scraping = undefined;
    });
    return this.#scraping;
  }

  async #scrapeNow(): Promise<void> {
    const { clock } = this.#engine;
    const resource = this.#core('nodes');
    const engine = this.#engine;
    const { items } = await listObjects(engine.store, {
      resource,
      prefix: resource.prefix,
      start: resource.prefix,
      revision: undefined,
      limit: undefined,
      matches: undefined,
    });
    const nodes = items.map(({ object }) => object);
    const { counters, pods } = await scrapeNodes(engine, this.#access, nodes);
    this.#pods = pods;
    this.#samples.add({ at: clock.monotonic(), counters });
  }

  #core(plural: string): Resource {
    const found = this.#engine.registry.find('', 'v1', plural);
    if (found === undefined) throw unknownPath();
    return found;
  }
}

function windowOf(query: URLSearchParams): number {
  const text = query.get('windowSeconds');
  if (text === null) return defaultWindowMs;
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= longestWindowSeconds) return seconds * 1000;
  throw badRequest(
    `Invalid value "${text}" for windowSeconds: must be between 1 and ${longestWindowSeconds}`,
  );
}

function times({ at, windowMs }: Rate): Readonly<Record<'timestamp' | 'window', string>> {
  return { timestamp: formatTime(at), window: `${windowMs / 1000}s` };
}

function usageOf({ nanoCores, bytes }: Rate): unknown {
  return {
    cpu: parseQuantity(`${nanoCores}n`).toString(),
    memory: `${Math.ceil(bytes / 1024)}Ki`,
  };
}
