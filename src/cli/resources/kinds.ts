import { CommandError } from '../command.ts';
import type { Session } from '../session.ts';

/** One resource that the API server has, in one version. */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
}

interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  };
  readonly scope: string;
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly { readonly subresource: string }[];
}

interface DiscoveryList {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly DiscoveredResource[];
    }[];
  }[];
}

const aggregated =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList';

/**
 * What the API server has: two requests of aggregated discovery (KEP-3352), kept for one command.
 *
 * Kinds are in the server's order: the core group first, each group's preferred version first.
 */
export class Kinds {
  readonly all: readonly Kind[];

  constructor(all: readonly Kind[]) {
    this.all = all;
  }

  static async load(session: Session): Promise<Kinds> {
    const [core, named] = await Promise.all(
      ['/api', '/apis'].map(async (path) => session.send({ path, accept: aggregated })),
    );
    return new Kinds([...readDiscovery(core), ...readDiscovery(named)]);
  }

  /**
   * The kind that a user's word means: plural, singular, short name or Kind, alone or followed by
   * `.group` or `.version.group`. Throws CommandError when there is none.
   */
  named(word: string): Kind {
    const found = this.find(word);
    if (found === undefined) {
      throw new CommandError(`error: the server doesn't have a resource type "${word}"`);
    }
    return found;
  }

  find(word: string): Kind | undefined {
    const [name = '', ...rest] = word.toLowerCase().split('.');
    const group = rest.join('.');
    const [version = '', ...groupParts] = rest;
    const versioned = groupParts.join('.');
    const candidates = this.all.filter(
      (kind) =>
        group === '' ||
        kind.group === group ||
        (kind.version === version && kind.group === versioned),
    );
    const full = (kind: Kind): readonly string[] => [
      kind.plural,
      kind.singular,
      kind.kind.toLowerCase(),
    ];
    return (
      candidates.find((kind) => full(kind).includes(name)) ??
      candidates.find((kind) => kind.shortNames.includes(name))
    );
  }

  /** The kind of an object. */
  of(apiVersion: string, kind: string): Kind | undefined {
    return this.all.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind);
  }

  /** The kinds of a category (`all`), each in its preferred version. */
  category(word: string): readonly Kind[] {
    const found = this.all.filter(({ categories }) => categories.includes(word));
    return found.filter(
      (kind, index) => found.findIndex((each) => sameResource(each, kind)) === index,
    );
  }
}

export function apiVersionOf({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `pod`, `function.nought.dev`: how kubectl names a kind before an object's name. */
export function kindWord({ kind, group }: Pick<Kind, 'kind' | 'group'>): string {
  return group === '' ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}

/** The path of an object, or (without a name) of the collection; all namespaces without one. */
export function resourcePath(
  kind: Kind,
  where: { readonly namespace?: string | undefined; readonly name?: string },
): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
  const scope =
    kind.namespaced && where.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(where.namespace)}`
      : '';
  // An empty segment would address the collection.
  if (where.name === '') throw new CommandError('error: resource name may not be empty');
  const name = where.name === undefined ? '' : `/${encodeURIComponent(where.name)}`;
  return `${root}${scope}/${kind.plural}${name}`;
}

function sameResource(a: Kind, b: Kind): boolean {
  return a.group === b.group && a.plural === b.plural;
}

function readDiscovery(document: unknown): readonly Kind[] {
  const list = document as DiscoveryList;
  if (list?.kind !== 'APIGroupDiscoveryList') {
    throw new CommandError(
      'Cannot read what the API server has: it knows no aggregated discovery (Kubernetes 1.27 or newer is needed)',
    );
  }
  return (list.items ?? []).flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.map((resource) => readResource(resource, metadata?.name ?? '', version)),
    ),
  );
}

function readResource(resource: DiscoveredResource, group: string, version: string): Kind {
  return {
    group,
    version,
    kind: resource.responseKind.kind,
    plural: resource.resource,
    singular: resource.singularResource,
    shortNames: resource.shortNames ?? [],
    categories: resource.categories ?? [],
    namespaced: resource.scope === 'Namespaced',
    verbs: resource.verbs,
    subresources: (resource.subresources ?? []).map(({ subresource }) => subresource),
  };
}
