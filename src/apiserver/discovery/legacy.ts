import type { GroupVersions, Registry } from '../registry/registry.ts';
import { joinApiVersion, type Resource } from '../registry/resource.ts';
import type { DiscoveryScope } from '../routing/request-info.ts';
import { reviewKinds } from '../reviews/review-kinds.ts';
import { subresourcesOf } from './subresources.ts';

/** The plain discovery documents, which older clients and some commands of kubectl still ask for. */
export function legacyDiscovery(registry: Registry, scope: DiscoveryScope): unknown {
  switch (scope.kind) {
    case 'core':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case 'groups': {
      const groups = allGroups(registry);
      return { kind: 'APIGroupList', apiVersion: 'v1', groups };
    }
    case 'group': {
      const found = allGroups(registry).find(({ name }) => name === scope.group);
      return found && { kind: 'APIGroup', apiVersion: 'v1', ...found };
    }
    case 'version':
      return resourceList(registry, scope.group, scope.version);
  }
}

interface GroupEntry {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
  readonly preferredVersion: { readonly groupVersion: string; readonly version: string };
}

function allGroups(registry: Registry): readonly GroupEntry[] {
  const reviewGroups = [...new Set(reviewKinds.map(({ group }) => group))];
  return [
    ...registry
      .groups()
      .filter(({ group }) => group !== '')
      .map(groupEntry),
    ...reviewGroups.map((name) => {
      const version = { groupVersion: `${name}/v1`, version: 'v1' };
      return { name, versions: [version], preferredVersion: version };
    }),
  ];
}

function groupEntry({ group, versions }: GroupVersions): GroupEntry {
  const entries = versions.map(({ version }) => ({
    groupVersion: joinApiVersion(group, version),
    version,
  }));
  const preferredVersion = entries[0] ?? { groupVersion: group, version: '' };
  return { name: group, versions: entries, preferredVersion };
}

function resourceList(registry: Registry, group: string, version: string): unknown {
  const found = registry
    .groups()
    .find((one) => one.group === group)
    ?.versions.find((one) => one.version === version);
  const reviews = reviewKinds.filter((one) => one.group === group && version === 'v1');
  if (found === undefined && reviews.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: joinApiVersion(group, version),
    resources: [
      ...(found?.resources ?? []).flatMap(resourceEntries),
      ...reviews.map(({ plural, singular, kind }) => ({
        name: plural,
        singularName: singular,
        namespaced: false,
        kind,
        verbs: ['create'],
      })),
    ],
  };
}

function resourceEntries({ descriptor }: Resource): readonly unknown[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = descriptor;
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: [...verbs].toSorted(),
      ...(shortNames.length === 0 ? {} : { shortNames }),
      ...(categories.length === 0 ? {} : { categories }),
    },
    ...subresourcesOf(descriptor).map((one) => ({
      name: `${plural}/${one.name}`,
      singularName: '',
      namespaced,
      kind: one.kind,
      verbs: one.verbs,
      ...(one.group === descriptor.group && one.version === descriptor.version
        ? {}
        : { group: one.group, version: one.version }),
    })),
  ];
}
