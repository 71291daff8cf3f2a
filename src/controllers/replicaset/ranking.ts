import { names, type Pod } from '../../api/index.ts';
import { isActive, isReady, readySince } from '../pod-state.ts';

/** A pod that may be deleted, and how many active pods of related ReplicaSets share its node. */
interface Candidate {
  readonly pod: Pod;
  readonly neighbours: number;
}

/**
 * Chooses the `count` pods that a scale-down deletes, in upstream's order of preference
 * (kubernetes pkg/controller/controller_utils.go, ActivePodsWithRanks.Less).
 *
 * `related` are the pods of all ReplicaSets with the same controller; `now` in milliseconds.
 */
export function choosePodsToDelete(
  pods: readonly Pod[],
  related: readonly Pod[],
  { count, now }: { readonly count: number; readonly now: number },
): readonly Pod[] {
  if (count >= pods.length) return pods;
  const perNode = new Map<string, number>();
  for (const pod of related) {
    if (!isActive(pod)) continue;
    const node = pod.spec.nodeName ?? '';
    perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({ pod, neighbours: perNode.get(pod.spec.nodeName ?? '') ?? 0 }))
    .toSorted((a, b) => compareForDeletion(a, b, now))
    .slice(0, count)
    .map(({ pod }) => pod);
}

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Negative when `a` is to be deleted before `b`. */
export function compareForDeletion(a: Candidate, b: Candidate, now: number): number {
  return (
    isAssigned(a.pod) - isAssigned(b.pod) ||
    phaseOf(a.pod) - phaseOf(b.pod) ||
    Number(isReady(a.pod)) - Number(isReady(b.pod)) ||
    deletionCost(a.pod) - deletionCost(b.pod) ||
    b.neighbours - a.neighbours ||
    compareAges(a.pod, b.pod, { times: [readySince(a.pod), readySince(b.pod)], now }) ||
    restarts(b.pod) - restarts(a.pod) ||
    compareAges(a.pod, b.pod, { times: [createdAt(a.pod), createdAt(b.pod)], now })
  );
}

/**
 * The pod without a time first, then the younger one, where ages between two powers of two are taken
 * for equal: the uid then decides, so that it is not always the newest that goes.
 */
function compareAges(
  a: Pod,
  b: Pod,
  ages: { readonly times: readonly [number | undefined, number | undefined]; readonly now: number },
): number {
  const [timeA, timeB] = ages.times;
  if (timeA === timeB) return 0;
  if (timeA === undefined) return -1;
  if (timeB === undefined) return 1;
  const bucket = ageBucket(ages.now - timeA) - ageBucket(ages.now - timeB);
  if (bucket !== 0) return bucket;
  const uidA = a.metadata.uid ?? '';
  const uidB = b.metadata.uid ?? '';
  return uidA < uidB ? -1 : uidA > uidB ? 1 : 0;
}

/** log2 of the age in nanoseconds, as upstream buckets it. */
function ageBucket(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function isAssigned(pod: Pod): number {
  return Number((pod.spec.nodeName ?? '') !== '');
}

function phaseOf(pod: Pod): number {
  return phaseOrder[pod.status?.phase ?? 'Pending'] ?? 0;
}

/** The pod-deletion-cost annotation; what is no 32-bit integer counts as 0. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[names.annotation.podDeletionCost] ?? '0';
  const cost = Number(text);
  const valid = /^(0|-?[1-9]\d*)$/.test(text) && cost >= -(2 ** 31) && cost < 2 ** 31;
  return valid ? cost : 0;
}

function restarts(pod: Pod): number {
  const counts = pod.status?.containerStatuses?.map(({ restartCount }) => restartCount) ?? [];
  return Math.max(0, ...counts);
}

function createdAt(pod: Pod): number | undefined {
  const text = pod.metadata.creationTimestamp;
  return text === undefined ? undefined : Date.parse(text);
}
