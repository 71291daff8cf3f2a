import {
  type FunctionObject,
  names,
  type ReplicaSet,
  type RevisionSpec,
  restoreRevision,
} from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { UsageError } from '../command.ts';
import type { Session } from '../session.ts';

/** One revision of a function, as its ReplicaSet tells of it. */
export interface Revision {
  readonly name: string;
  /** When the function's spec last asked for it; milliseconds since the epoch. */
  readonly requestedMs: number;
  /** Why it was given up, in one word. */
  readonly failure: string | undefined;
  /** It has worked once. */
  readonly proven: boolean;
  /** What of the spec made it; undefined when nothing was kept. */
  readonly record: string | undefined;
  readonly replicas: number;
  readonly readyReplicas: number;
}

/** The NAME of `NAME`, `fn/NAME`, `function/NAME`; throws UsageError for other words. */
export function functionName(words: readonly string[]): string {
  const [word, ...more] = words;
  if (word === undefined) throw new UsageError('Missing the function: expected NAME');
  if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
  const name = /^(?:(?:fn|functions?)(?:\.nought\.dev)?\/)?([^/]+)$/.exec(word)?.[1];
  if (name === undefined) throw new UsageError(`Cannot read "${word}": expected NAME or fn/NAME`);
  return name;
}

/** A function's revisions, the one that its spec asked for last first. */
export async function readRevisions(
  { client }: Session,
  fn: FunctionObject,
): Promise<readonly Revision[]> {
  const labelSelector = `${names.label.function}=${fn.metadata.name}`;
  const namespace = fn.metadata.namespace ?? '';
  const { items } = await client.resource(refs.replicasets).list({ namespace, labelSelector });
  return items
    .filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined &&
        metadata.ownerReferences?.some(({ uid }) => uid === fn.metadata.uid) === true,
    )
    .map(revisionOf)
    .toSorted((a, b) => b.requestedMs - a.requestedMs);
}

/** The spec's fields that made the revision; undefined when they were not kept. */
export async function readRevisionSpec(
  { client }: Session,
  fn: FunctionObject,
  { name, record }: Revision,
): Promise<RevisionSpec | undefined> {
  if (record === undefined) return undefined;
  const key = { namespace: fn.metadata.namespace ?? '', name: `${fn.metadata.name}-${name}` };
  const code = await client.resource(refs.configmaps).find(key);
  return restoreRevision(record, code?.data ?? {});
}

function revisionOf({ metadata, status }: ReplicaSet): Revision {
  const { annotations = {}, labels = {}, creationTimestamp } = metadata;
  const requested = annotations[names.annotation.requestedAt] ?? creationTimestamp;
  return {
    name: labels[names.label.revision] ?? '',
    requestedMs: Date.parse(requested ?? '') || 0,
    failure: failureReason(annotations[names.annotation.failure]),
    proven: annotations[names.annotation.proven] !== undefined,
    record: annotations[names.annotation.revisionSpec],
    replicas: status?.replicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
  };
}

function failureReason(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const reason = (JSON.parse(text) as { readonly reason?: unknown } | null)?.reason;
    return typeof reason === 'string' ? reason : 'Failed';
  } catch {
    return 'Failed';
  }
}
