import type { KubeObject } from '../api/index.ts';
import type { Client, ResourceRef } from '../client/index.ts';

/** One resource of the API server, in the version that its group prefers. */
export interface Resource {
  /** `group/version/plural`. */
  readonly id: string;
  readonly ref: ResourceRef<KubeObject>;
  readonly verbs: ReadonlySet<string>;
  /** False for what is not worth an informer or cannot have one. */
  readonly watchable: boolean;
}

interface GroupList {
  readonly groups?: readonly {
    readonly name: string;
    readonly versions: readonly { readonly version: string }[];
    readonly preferredVersion?: { readonly version: string };
  }[];
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** Nothing is owned by an Event, and they are many: upstream's collector ignores them too. */
const unwatched: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

/** All resources of the API server that can be listed and deleted, each once. */
export async function discoverResources(client: Client): Promise<readonly Resource[]> {
  const { groups = [] } = (await client.raw({ method: 'GET', path: '/apis' })) as GroupList;
  const groupVersions = [
    { group: '', version: 'v1' },
    ...groups.flatMap(({ name, versions, preferredVersion }) =>
      [preferredVersion, ...versions]
        .filter((entry) => entry !== undefined)
        .map(({ version }) => ({ group: name, version })),
    ),
  ];
  const lists = await Promise.all(
    groupVersions.map(async ({ group, version }) => ({
      group,
      version,
      list: await readResources(client, group, version),
    })),
  );
  const found = new Map<string, Resource>();
  for (const { group, version, list } of lists) {
    for (const { name, kind, namespaced, verbs } of list.resources ?? []) {
      const key = `${group}/${name}`;
      const usable = verbs.includes('list') && verbs.includes('delete') && !name.includes('/');
      if (!usable || found.has(key)) continue;
      found.set(key, {
        id: `${group}/${version}/${name}`,
        ref: { group, version, plural: name, kind, namespaced },
        verbs: new Set(verbs),
        watchable: verbs.includes('watch') && !unwatched.has(key),
      });
    }
  }
  return [...found.values()];
}

async function readResources(
  client: Client,
  group: string,
  version: string,
): Promise<ResourceList> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return (await client.raw({ method: 'GET', path })) as ResourceList;
}
