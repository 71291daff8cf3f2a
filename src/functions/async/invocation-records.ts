import {
  type InvocationObject,
  type InvocationStatus,
  isStatus,
  StatusError,
} from '../../api/index.ts';
import { type Client, type Informer, type ObjectKey, refs } from '../../client/index.ts';
import { LatestWrites } from '../latest-write.ts';

/** A merge patch of the status: null removes a field. */
export type StatusChange = { readonly [F in keyof InvocationStatus]: InvocationStatus[F] | null };

const conflictLimit = 8;

/**
 * The invocations as they were seen or written last, without their bodies, and the one way to change
 * them.
 *
 * Invariants:
 * 1. A status is written against the state that it was decided on: when another was faster, it is
 *    decided anew.
 */
export class InvocationRecords {
  readonly informer: Informer<InvocationObject>;
  readonly #client: Client;
  readonly #writes = new LatestWrites<InvocationObject>();

  /** The informer keeps what `withoutBodies` leaves. */
  constructor(client: Client, informer: Informer<InvocationObject>) {
    this.#client = client;
    this.informer = informer;
  }

  latest(key: Required<ObjectKey>): InvocationObject | undefined {
    const cached = this.informer.get(key);
    return cached === undefined ? undefined : this.#writes.pick(cached);
  }

  /** The whole object, from the API server. */
  find(key: Required<ObjectKey>): Promise<InvocationObject | undefined> {
    return this.#client.resource(refs.invocations).find(key);
  }

  /**
   * Changes the status of the invocation with this uid; returns the whole object as it is then, or
   * undefined when it is gone or `change` leaves it as it is.
   */
  async write(
    before: InvocationObject,
    change: (now: InvocationObject) => StatusChange | undefined,
  ): Promise<InvocationObject | undefined> {
    const { namespace = '', name, uid } = before.metadata;
    const resource = this.#client.resource(refs.invocations);
    let now: InvocationObject | undefined = this.latest({ namespace, name }) ?? before;
    for (let tries = 0; tries < conflictLimit; tries += 1) {
      if (now === undefined || now.metadata.uid !== uid) return undefined;
      const status = change(now);
      if (status === undefined) return undefined;
      const { resourceVersion } = now.metadata;
      try {
        const patch = { metadata: { resourceVersion }, status };
        const options = { type: 'merge', subresource: 'status' } as const;
        const written = await resource.patch({ namespace, name }, patch, options);
        this.#writes.note(withoutBodies(written));
        return written;
      } catch (error) {
        if (isStatus(error, 'NotFound')) return undefined;
        if (!(error instanceof StatusError) || error.code !== 409) throw error;
      }
      now = await resource.find({ namespace, name });
    }
    throw new Error(`Cannot change invocation "${namespace}/${name}": others keep changing it`);
  }

  /** Removes the object, unless another one has its name by now. */
  async remove({ metadata }: InvocationObject): Promise<void> {
    const { uid } = metadata;
    try {
      await this.#client
        .resource(refs.invocations)
        .delete(metadata, uid === undefined ? {} : { preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof StatusError) || ![404, 409].includes(error.code)) throw error;
    }
  }
}

const sizes = new WeakMap<InvocationObject, number>();

/** Bodies may be large, and are needed only while they are sent; their size is kept. */
export function withoutBodies(invocation: InvocationObject): InvocationObject {
  const { spec, status } = invocation;
  const { body: sent = '', headers: _headers, ...request } = spec.request;
  const bare = { ...invocation, spec: { ...spec, request } };
  const answer = status?.response;
  const kept =
    answer === undefined
      ? bare
      : { ...bare, status: { ...status, response: { status: answer.status } } };
  sizes.set(kept, sent.length + (answer?.body?.length ?? 0));
  return kept;
}

/** Characters of the bodies that the invocation has in the cluster. */
export function bodySize(invocation: InvocationObject): number {
  return sizes.get(invocation) ?? 0;
}
