import {
  type CrossVersionObjectReference,
  isStatus,
  type KubeObject,
  names,
  type ReplicaSet,
} from '../../api/index.ts';
import type { Client, Informer } from '../../client/index.ts';
import { controllerOf } from '../context.ts';

/** What is scaled, as its scale subresource tells it. */
export interface ScaleTarget {
  readonly path: string;
  /** What its spec asks for. */
  readonly specReplicas: number;
  /** The number that a decision starts from; 0 for what is switched off, or asleep. */
  readonly current: number;
  /** How many pods it has. */
  readonly replicas: number;
  readonly selector: string;
}

interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly selector?: string };
}

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string }[];
}

/**
 * Finds and changes what HorizontalPodAutoscalers name, through its scale subresource.
 *
 * A ReplicaSet that belongs to something with a scale of its own (a Function) is scaled through its
 * owner, who would else undo the change.
 */
export class ScaleTargets {
  readonly #client: Client;
  readonly #replicasets: Informer<ReplicaSet>;
  /** Plural names by `apiVersion/kind`, of kinds that can be scaled. */
  readonly #plurals = new Map<string, string>();

  constructor(client: Client, replicasets: Informer<ReplicaSet>) {
    this.#client = client;
    this.#replicasets = replicasets;
  }

  /** Throws StatusError, or an Error for a kind without a scale. */
  async find(namespace: string, named: CrossVersionObjectReference): Promise<ScaleTarget> {
    const reference = (await this.#owner(namespace, named)) ?? named;
    const { apiVersion = 'v1', kind, name } = reference;
    const plural = await this.#plural(apiVersion, kind);
    if (plural === undefined)
      throw new Error(
        `no matches for kind "${kind}" in version "${apiVersion}" that can be scaled`,
      );
    const path = `${rootOf(apiVersion)}/namespaces/${namespace}/${plural}/${encodeURIComponent(name)}/scale`;
    return targetOf(path, reference, (await this.#client.raw({ method: 'GET', path })) as Scale);
  }

  async scale({ path }: ScaleTarget, replicas: number): Promise<void> {
    const contentType = 'application/merge-patch+json';
    await this.#client.raw({ method: 'PATCH', path, contentType, body: { spec: { replicas } } });
  }

  async #owner(
    namespace: string,
    { apiVersion, kind, name }: CrossVersionObjectReference,
  ): Promise<CrossVersionObjectReference | undefined> {
    if (apiVersion !== 'apps/v1' || kind !== 'ReplicaSet') return undefined;
    const set = this.#replicasets.get({ namespace, name });
    const owner = set && controllerOf(set.metadata);
    if (owner === undefined) return undefined;
    return (await this.#plural(owner.apiVersion, owner.kind)) === undefined ? undefined : owner;
  }

  async #plural(apiVersion: string, kind: string): Promise<string | undefined> {
    const key = `${apiVersion}/${kind}`;
    const known = this.#plurals.get(key);
    if (known !== undefined) return known;
    try {
      const path = rootOf(apiVersion);
      const { resources } = (await this.#client.raw({ method: 'GET', path })) as ResourceList;
      const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
      const scalable = resources.some(({ name }) => name === `${found?.name ?? ''}/scale`);
      if (found === undefined || !scalable) return undefined;
      this.#plurals.set(key, found.name);
      return found.name;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function targetOf(
  path: string,
  { apiVersion, kind }: CrossVersionObjectReference,
  { spec, status }: Scale,
): ScaleTarget {
  const specReplicas = spec?.replicas ?? 0;
  const replicas = status?.replicas ?? 0;
  const selector = status?.selector ?? '';
  const isFunction = kind === 'Function' && apiVersion?.startsWith(`${names.group}/`) === true;
  if (!isFunction) return { path, specReplicas, current: specReplicas, replicas, selector };
  // A function's spec is for while it is awake, and may leave the number to the calls.
  const awake = specReplicas === 0 ? replicas : specReplicas;
  return { path, specReplicas, current: replicas === 0 ? 0 : awake, replicas, selector };
}
