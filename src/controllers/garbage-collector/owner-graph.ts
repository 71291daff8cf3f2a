import type { OwnerReference } from '../../api/index.ts';
import type { Resource } from '../discover-resources.ts';
import { groupOf } from '../inventory.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** One object, as far as ownership goes. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: Resource;
  /** Empty for an object without a namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
}

/** True for an object that is being deleted and waits for its dependents to be gone. */
export function waitsForDependents(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(foregroundFinalizer);
}

/** True for an object that is being deleted and whose dependents are to be left alone. */
export function orphansDependents(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(orphanFinalizer);
}

/** True when `owner` is what the reference of `dependent` can mean: same kind, name and scope. */
function isCoherent(owner: GraphNode, reference: OwnerReference, dependent: GraphNode): boolean {
  return (
    owner.name === reference.name &&
    owner.resource.ref.kind === reference.kind &&
    owner.resource.ref.group === groupOf(reference.apiVersion) &&
    (owner.namespace === '' || owner.namespace === dependent.namespace)
  );
}

/**
 * Who owns whom, by uid, as far as it has been seen.
 *
 * Invariants:
 * 1. Dependents are found under an owner's uid whether or not that owner has been seen.
 * 2. `put` and `remove` give the uids of all objects whose fate the change may have decided.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependents(uid: string): readonly GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])]
      .map((dependent) => this.#nodes.get(dependent))
      .filter((node) => node !== undefined);
  }

  /** The dependents that an owner in foreground deletion has to wait for. */
  blockers(uid: string): readonly GraphNode[] {
    return this.dependents(uid).filter((node) => blocks(node, uid));
  }

  /** True when each owner has been seen, fits its reference and is not waiting for dependents. */
  hasSolidOwners(node: GraphNode): boolean {
    return node.owners.every((reference) => {
      const owner = this.#nodes.get(reference.uid);
      return (
        owner !== undefined && isCoherent(owner, reference, node) && !waitsForDependents(owner)
      );
    });
  }

  put(node: GraphNode): readonly string[] {
    const previous = this.#nodes.get(node.uid);
    this.#nodes.set(node.uid, node);
    this.#relink(node, previous);
    const affected = new Set<string>();
    if (!this.hasSolidOwners(node)) affected.add(node.uid);
    for (const { uid } of previous?.owners ?? []) {
      const owner = this.#nodes.get(uid);
      if (owner !== undefined && waitsForDependents(owner) && !blocks(node, uid)) affected.add(uid);
    }
    const begins = (state: (of: GraphNode) => boolean): boolean =>
      state(node) && (previous === undefined || !state(previous));
    if (begins(orphansDependents)) affected.add(node.uid);
    if (begins(waitsForDependents)) {
      affected.add(node.uid);
      for (const dependent of this.dependents(node.uid)) affected.add(dependent.uid);
    }
    return [...affected];
  }

  remove(uid: string): readonly string[] {
    const node = this.#nodes.get(uid);
    if (node === undefined) return [];
    this.#nodes.delete(uid);
    for (const owner of node.owners) this.#unlink(uid, owner.uid);
    const owners = node.owners
      .map((owner) => this.#nodes.get(owner.uid))
      .filter((owner) => owner !== undefined && waitsForDependents(owner))
      .map((owner) => owner?.uid ?? '');
    return [...this.dependents(uid).map((dependent) => dependent.uid), ...owners];
  }

  #relink(node: GraphNode, previous: GraphNode | undefined): void {
    for (const { uid } of previous?.owners ?? []) this.#unlink(node.uid, uid);
    for (const { uid } of node.owners) {
      const dependents = this.#dependents.get(uid);
      if (dependents === undefined) this.#dependents.set(uid, new Set([node.uid]));
      else dependents.add(node.uid);
    }
  }

  #unlink(dependent: string, owner: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(dependent);
    if (dependents?.size === 0) this.#dependents.delete(owner);
  }
}

function blocks(dependent: GraphNode, owner: string): boolean {
  return dependent.owners.some(
    ({ uid, blockOwnerDeletion }) => uid === owner && blockOwnerDeletion === true,
  );
}
