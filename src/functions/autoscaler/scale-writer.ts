import type { Pod, ReplicaSet } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import { type Client, refs } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { FunctionObjects } from '../function-objects.ts';
import type { WarmPools } from '../warm-pool/warm-pools.ts';
import type { ScaleStep } from './scale-plan.ts';

export interface ScaleWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly objects: FunctionObjects;
}

/** Among the pods of a ReplicaSet, those with the lowest cost are deleted first. */
const drainingCost = '-1000';
/** In a JSON patch; a revision's ReplicaSet always has annotations. */
const claimsPath = `/metadata/annotations/${names.annotation.claims.replace('/', '~1')}`;

/**
 * Writes what was decided, on the condition that nothing has changed since: a ReplicaSet by its
 * generation, a pod that is kept by its resourceVersion. A refusal is a StatusError.
 */
export class ScaleWriter {
  readonly #options: ScaleWriterOptions;
  #lastDrainMs = 0;

  constructor(options: ScaleWriterOptions) {
    this.#options = options;
  }

  async write(set: ReplicaSet, step: ScaleStep): Promise<void> {
    switch (step.kind) {
      case 'drain':
        await Promise.all(this.#podsNamed(set, step.pods).map((pod) => this.#drain(pod)));
        break;
      case 'keep':
        await Promise.all(this.#podsNamed(set, step.pods).map((pod) => this.#keep(pod)));
        break;
      case 'raise':
        await this.raise(set, step.replicas, undefined);
        break;
      case 'lower':
        await this.#setReplicas(set, step.replicas);
        break;
    }
  }

  /** Raises the ReplicaSet, by pods of a pool as far as there are any. */
  async raise(set: ReplicaSet, replicas: number, pools: WarmPools | undefined): Promise<void> {
    const claim = await pools?.claim(set, replicas - (set.spec.replicas ?? 1));
    const raised = this.#setReplicas(set, replicas, claim?.annotation);
    claim?.take();
    await raised;
  }

  /** The pods of a ReplicaSet as they are now, not as a watch has shown them. */
  async list(set: ReplicaSet): Promise<readonly Pod[]> {
    const { client, objects } = this.#options;
    const { function: name, revision } = names.label;
    const { labels = {}, namespace = '' } = set.metadata;
    const labelSelector = `${name}=${labels[name] ?? ''},${revision}=${labels[revision] ?? ''}`;
    const { items } = await client.resource(refs.pods).list({ namespace, labelSelector });
    return objects.ownedPods(set, items);
  }

  async #setReplicas(set: ReplicaSet, replicas: number, claims?: string): Promise<void> {
    const { client, objects } = this.#options;
    const patch = [
      { op: 'test', path: '/metadata/generation', value: set.metadata.generation },
      { op: 'replace', path: '/spec/replicas', value: replicas },
      ...(claims === undefined ? [] : [{ op: 'add', path: claimsPath, value: claims }]),
    ];
    objects.noteSet(
      await client.resource(refs.replicasets).patch(set.metadata, patch, { type: 'json' }),
    );
  }

  #podsNamed(set: ReplicaSet, uids: readonly string[]): readonly Pod[] {
    const pods = this.#options.objects.podsOf(set);
    return pods.filter((pod) => uids.includes(pod.metadata.uid ?? ''));
  }

  async #drain(pod: Pod): Promise<void> {
    const { client, clock, objects } = this.#options;
    // No two drainings have the same mark.
    this.#lastDrainMs = Math.max(clock.now(), this.#lastDrainMs + 1);
    const annotations = {
      [names.annotation.draining]: new Date(this.#lastDrainMs).toISOString(),
      [names.annotation.podDeletionCost]: drainingCost,
    };
    const patch = { metadata: { annotations } };
    objects.notePod(await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'merge' }));
  }

  async #keep(pod: Pod): Promise<void> {
    const { client, objects } = this.#options;
    const patch = {
      metadata: {
        // Refused if the pod has changed, for instance been deleted.
        resourceVersion: pod.metadata.resourceVersion,
        annotations: {
          [names.annotation.draining]: null,
          [names.annotation.podDeletionCost]: null,
        },
      },
    };
    objects.notePod(await client.resource(refs.pods).patch(pod.metadata, patch, { type: 'merge' }));
  }

  /** Reads anew what a write was refused for; true when it has changed since the decision. */
  async refresh(set: ReplicaSet, step: ScaleStep): Promise<boolean> {
    const { client, objects } = this.#options;
    if (step.kind === 'raise' || step.kind === 'lower') {
      const now = await client.resource(refs.replicasets).find(set.metadata);
      if (now !== undefined) objects.noteSet(now);
      return now !== undefined && now.metadata.generation !== set.metadata.generation;
    }
    let hasChanged = false;
    for (const pod of this.#podsNamed(set, step.pods)) {
      const now = await client.resource(refs.pods).find(pod.metadata);
      if (now === undefined || now.metadata.uid !== pod.metadata.uid) continue;
      objects.notePod(now);
      hasChanged ||= now.metadata.resourceVersion !== pod.metadata.resourceVersion;
    }
    return hasChanged;
  }
}
