import { createHash } from 'node:crypto';
import { parseAccept } from '../codec/accept.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { payloadAnswer, textAnswer, type Answer } from '../request.ts';
import { reviewKinds } from '../reviews/review-kinds.ts';
import { subresourcesOf } from './subresources.ts';

const aggregatedGroup = 'apidiscovery.k8s.io';
const served = ['v2', 'v2beta1'];

/** The version of aggregated discovery that a client prefers to plain lists; undefined for none. */
export function wantsAggregated(accept: string): string | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json') continue;
    const aggregated = parameters.get('as') === 'APIGroupDiscoveryList';
    if (!aggregated || parameters.get('g') !== aggregatedGroup) return undefined;
    const version = parameters.get('v') ?? '';
    if (served.includes(version)) return version;
  }
  return undefined;
}

/** The two documents that kubectl builds its REST mapping from (KEP-3352), kept until a kind changes. */
export class AggregatedDiscovery {
  readonly #registry: Registry;
  #generation = -1;
  readonly #documents = new Map<string, { readonly bytes: Uint8Array; readonly etag: string }>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The document of /api (the core group) or /apis (all others). */
  answer(root: 'api' | 'apis', version: string, ifNoneMatch: string): Answer {
    if (this.#generation !== this.#registry.generation) {
      this.#documents.clear();
      this.#generation = this.#registry.generation;
    }
    const key = `${root} ${version}`;
    const document = this.#documents.get(key) ?? this.#make(root, version);
    this.#documents.set(key, document);
    const { bytes, etag } = document;
    const contentType = `application/json;g=${aggregatedGroup};v=${version};as=APIGroupDiscoveryList`;
    const headers = { etag, vary: 'Accept', 'cache-control': 'public' };
    if (ifNoneMatch === etag) return textAnswer(304, '', { contentType, headers });
    const payload = {
      value: (): unknown => JSON.parse(Buffer.from(bytes).toString()),
      bytes: () => bytes,
    };
    return payloadAnswer(200, payload, { contentType, headers });
  }

  #make(root: 'api' | 'apis', version: string) {
    const bytes = Buffer.from(JSON.stringify(discoveryList(this.#registry, root, version)));
    const digest = createHash('sha256').update(bytes).digest('hex').toUpperCase();
    return { bytes, etag: `"${digest}"` };
  }
}

function discoveryList(registry: Registry, root: 'api' | 'apis', version: string): unknown {
  const groups = registry.groups().filter(({ group }) => (group === '') === (root === 'api'));
  const reviews = root === 'apis' ? reviewKinds : [];
  const items = groups.map(({ group, versions }) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versions.map((one) => ({
      version: one.version,
      resources: one.resources.map(resourceEntry),
      freshness: 'Current',
    })),
  }));
  const reviewItems = [...Map.groupBy(reviews, ({ group }) => group)].map(([group, kinds]) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: [
      {
        version: 'v1',
        resources: kinds.map(({ plural, singular, kind }) => ({
          resource: plural,
          responseKind: { group, version: 'v1', kind },
          scope: 'Cluster',
          singularResource: singular,
          verbs: ['create'],
        })),
        freshness: 'Current',
      },
    ],
  }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `${aggregatedGroup}/${version}`,
    metadata: {},
    items: [...items, ...reviewItems],
  };
}

function resourceEntry({ descriptor }: Resource): unknown {
  const { group, version, kind, plural, singular, shortNames, categories } = descriptor;
  const subresources = subresourcesOf(descriptor).map((one) => ({
    subresource: one.name,
    responseKind: { group: one.group, version: one.version, kind: one.kind },
    verbs: one.verbs,
  }));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: descriptor.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...descriptor.verbs].toSorted(),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
