import type { FunctionObject, Pod, ReplicaSet } from '../api/index.ts';
import type { Informer } from '../client/index.ts';
import { LatestWrites } from './latest-write.ts';
import { functionOf, isOwnedBy } from './roles.ts';

export interface FunctionObjectsOptions {
  /** Indexed by `function`: `namespace/name`. */
  readonly replicaSets: Informer<ReplicaSet>;
  /** Indexed by `owner` (uid of the ReplicaSet) and `uid`. */
  readonly pods: Informer<Pod>;
}

/**
 * The objects of Functions as they were seen or written last.
 *
 * Between a write and its event from the watch, what was written counts.
 */
export class FunctionObjects {
  readonly pods: Informer<Pod>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #functionWrites = new LatestWrites<FunctionObject>();
  readonly #setWrites = new LatestWrites<ReplicaSet>();
  readonly #podWrites = new LatestWrites<Pod>();

  constructor({ replicaSets, pods }: FunctionObjectsOptions) {
    this.#replicaSets = replicaSets;
    this.pods = pods;
  }

  latestFunction(fn: FunctionObject): FunctionObject {
    return this.#functionWrites.pick(fn);
  }

  latestSet(set: ReplicaSet): ReplicaSet {
    return this.#setWrites.pick(set);
  }

  /** The Function's ReplicaSets, but for those that are being deleted. */
  setsOf(fn: FunctionObject): readonly ReplicaSet[] {
    const key = `${fn.metadata.namespace ?? ''}/${fn.metadata.name}`;
    return this.#replicaSets
      .byIndex('function', key)
      .map((set) => this.#setWrites.pick(set))
      .filter(
        (set) =>
          set.metadata.deletionTimestamp === undefined && isOwnedBy(set, fn.metadata.uid ?? ''),
      );
  }

  podsOf(set: ReplicaSet): readonly Pod[] {
    return this.pods
      .byIndex('owner', set.metadata.uid ?? '')
      .map((pod) => this.#podWrites.pick(pod));
  }

  /** Those of the pods that the ReplicaSet owns. */
  ownedPods(set: ReplicaSet, pods: readonly Pod[]): readonly Pod[] {
    return pods.filter((pod) => isOwnedBy(pod, set.metadata.uid ?? ''));
  }

  /** `namespace/name` of the Function whose pod has this uid. */
  functionOfPod(uid: string): string | undefined {
    const [pod] = this.pods.byIndex('uid', uid);
    return pod === undefined ? undefined : functionOf(pod);
  }

  noteFunction(fn: FunctionObject): void {
    this.#functionWrites.note(fn);
  }

  noteSet(set: ReplicaSet): void {
    this.#setWrites.note(set);
  }

  notePod(pod: Pod): void {
    this.#podWrites.note(pod);
  }

  /** Calls with `namespace/name` for each change of a Function's ReplicaSets and pods. */
  handle(changed: (key: string) => void): () => void {
    const look = (object: ReplicaSet | Pod): void => changed(functionOf(object));
    const handlers = { added: look, updated: look, deleted: look };
    const stops = [this.#replicaSets.handle(handlers), this.pods.handle(handlers)];
    return () => {
      for (const stop of stops) stop();
    };
  }
}

/** Indexes that `FunctionObjects` asks of its informers. */
export const objectIndexes = {
  replicaSets: { function: (set: ReplicaSet) => [functionOf(set)] },
  pods: {
    owner: (pod: Pod) =>
      (pod.metadata.ownerReferences ?? [])
        .filter((it) => it.controller === true)
        .map((it) => it.uid),
    uid: (pod: Pod) => [pod.metadata.uid ?? ''],
  },
} as const;
