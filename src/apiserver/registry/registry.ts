import type { ResourceDescriptor } from '../../api/index.ts';
import { makeResource, type Resource } from './resource.ts';

export interface GroupVersions {
  readonly group: string;
  /** Preferred first. */
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly Resource[];
  }[];
}

/**
 * All kinds that are served now: the built-in ones, and those of CustomResourceDefinitions.
 *
 * Invariants:
 * 1. A CRD's resources appear and vanish together, in one step.
 * 2. The state of a CRD never goes back: what an older revision of it says is ignored.
 */
export class Registry {
  readonly #byPath = new Map<string, Resource>();
  readonly #custom = new Map<string, { revision: number; resources: readonly Resource[] }>();
  #generation = 0;
  #groups: readonly GroupVersions[] | undefined;

  constructor(descriptors: readonly ResourceDescriptor[], softwareVersion: string) {
    const stored = storageVersions(descriptors);
    for (const descriptor of descriptors) {
      const resource = makeResource(descriptor, {
        storageVersion:
          stored.get(`${descriptor.group}/${descriptor.plural}`) ?? descriptor.version,
        fingerprint: softwareVersion,
        terminating: false,
      });
      this.#byPath.set(pathOf(descriptor), resource);
    }
  }

  /** Grows with each change. */
  get generation(): number {
    return this.#generation;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** All versions of all kinds. */
  resources(): Iterable<Resource> {
    return this.#byPath.values();
  }

  /** Takes over what the CRD of that name defines as of a revision; nothing for one that is gone. */
  install(crd: string, revision: number, resources: readonly Resource[]): void {
    const known = this.#custom.get(crd);
    if (known !== undefined && known.revision >= revision) return;
    for (const { descriptor } of known?.resources ?? []) this.#byPath.delete(pathOf(descriptor));
    for (const resource of resources) this.#byPath.set(pathOf(resource.descriptor), resource);
    this.#custom.set(crd, { revision, resources });
    this.#generation += 1;
    this.#groups = undefined;
  }

  /** Groups in the order of discovery: core first, then by name; versions preferred first. */
  groups(): readonly GroupVersions[] {
    this.#groups ??= groupResources([...this.#byPath.values()]);
    return this.#groups;
  }
}

function pathOf({ group, version, plural }: ResourceDescriptor): string {
  return `${group}/${version}/${plural}`;
}

/** A built-in kind in several versions is stored in its preferred one. */
function storageVersions(descriptors: readonly ResourceDescriptor[]): ReadonlyMap<string, string> {
  const stored = new Map<string, string>();
  for (const { group, plural, version } of descriptors) {
    const kind = `${group}/${plural}`;
    const known = stored.get(kind);
    if (known === undefined || compareVersions(version, known) < 0) stored.set(kind, version);
  }
  return stored;
}

function groupResources(resources: readonly Resource[]): readonly GroupVersions[] {
  const byGroup = Map.groupBy(resources, ({ descriptor }) => descriptor.group);
  return [...byGroup]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, members]) => ({
      group,
      versions: [...Map.groupBy(members, ({ descriptor }) => descriptor.version)]
        .toSorted(([a], [b]) => compareVersions(a, b))
        .map(([version, ofVersion]) => ({
          version,
          resources: ofVersion.toSorted((a, b) =>
            a.descriptor.plural < b.descriptor.plural ? -1 : 1,
          ),
        })),
    }));
}

/**
 * The order of Kubernetes' versions, preferred first: stable before beta before alpha, higher
 * numbers first, anything else last by name
 * (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning).
 */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  for (const [index, value] of left.entries()) {
    const difference = (right[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : Number(a > b);
}

function rank(version: string): readonly number[] {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (match === null) return [0, 0, 0];
  const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
  return [stage, Number(match[1]), Number(match[3] ?? 0)];
}
