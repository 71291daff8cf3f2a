import type { ObjectMeta } from '../../api/index.ts';

/** Finalizers of Kubernetes' own that have no domain. */
const ownFinalizers = new Set(['foregroundDeletion', 'kubernetes', 'orphan']);

/** Warnings about new finalizers that are not qualified by a domain, in upstream's words. */
export function finalizerWarnings(meta: ObjectMeta, old?: ObjectMeta): readonly string[] {
  const known = old?.finalizers ?? [];
  return (meta.finalizers ?? [])
    .filter((one) => !one.includes('/') && !ownFinalizers.has(one) && !known.includes(one))
    .map(
      (one) =>
        `metadata.finalizers: ${JSON.stringify(one)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}
