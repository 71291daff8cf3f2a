import type { Condition, FunctionObject, FunctionStatus, Pod, ReplicaSet } from '../api/index.ts';
import { names } from '../api/index.ts';
import type { Resolved } from './blueprint.ts';
import { isLive, isReady, revisionOf, rolesOf, standingFailure } from './roles.ts';
import { type Trouble, troubleOf } from './trouble.ts';

export interface StatusView {
  readonly fn: FunctionObject;
  readonly resolved: Resolved;
  readonly sets: readonly ReplicaSet[];
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
  readonly gatewayUrl: string;
  /** Why an object of the wanted revision could not be written. */
  readonly refusal: Trouble | undefined;
  /** Wall time of the last request that is known; undefined when none is. */
  readonly lastInvokedMs: number | undefined;
  readonly nowMs: number;
}

/** A last call is written down when the written one is older than this, or when a pod comes or goes. */
export const lastInvokedStepMs = 60_000;

interface Verdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/**
 * The status of a Function.
 *
 * `Ready` says whether what the spec asks for works; `Serving` whether calls are answered, if need be
 * by an older revision. A function at zero is both.
 */
export function functionStatus(view: StatusView): FunctionStatus {
  const { fn, resolved, sets } = view;
  const wanted = resolved.kind === 'valid' ? resolved.blueprint.revision : undefined;
  const { active, candidate } = rolesOf(fn, wanted, sets);
  const serving = servingVerdict(view, active);
  const ready = readyVerdict(view, { active, candidate, serving });
  const counted = active ?? candidate;
  const live = counted === undefined ? [] : view.podsOf(counted).filter(isLive);
  const lastInvoked = lastInvokedText(view, live.length);
  return {
    observedGeneration: fn.metadata.generation ?? 0,
    conditions: [
      condition(view, 'Ready', ready),
      condition(view, 'Serving', serving ?? { ...ready, status: 'False' }),
    ],
    replicas: live.length,
    readyReplicas: live.filter(isReady).length,
    ...(active === undefined ? {} : { revision: revisionOf(active) }),
    ...(counted === undefined ? {} : { selector: selectorText(fn, counted) }),
    url: `${view.gatewayUrl}/${fn.metadata.namespace ?? ''}/${fn.metadata.name}`,
    ...(lastInvoked === undefined ? {} : { lastInvoked }),
  };
}

function servingVerdict(view: StatusView, active: ReplicaSet | undefined): Verdict | undefined {
  if (active === undefined) return undefined;
  const live = view.podsOf(active).filter(isLive);
  const ready = live.filter(isReady).length;
  const revision = revisionOf(active);
  if (ready > 0) return { status: 'True', reason: 'Ready', message: `Revision ${revision} serves` };
  const trouble = troubleOf(active, live);
  if (trouble !== undefined) return { status: 'False', ...trouble };
  if (live.length > 0 || (active.spec.replicas ?? 1) > 0) {
    return { status: 'True', reason: 'Starting', message: `Revision ${revision} is starting` };
  }
  return {
    status: 'True',
    reason: 'Idle',
    message: `Revision ${revision} is scaled to zero; the next call starts it`,
  };
}

interface Standing {
  readonly active: ReplicaSet | undefined;
  readonly candidate: ReplicaSet | undefined;
  readonly serving: Verdict | undefined;
}

function readyVerdict(view: StatusView, { active, candidate, serving }: Standing): Verdict {
  const { fn, resolved } = view;
  // The reason alone tells callers' side whether calls are answered all the same.
  const failed = ({ reason, message }: Trouble): Verdict =>
    active === undefined
      ? { status: 'False', reason, message }
      : {
          status: 'False',
          reason: 'UpdateFailed',
          message: `${reason}: ${message} (revision ${revisionOf(active)} still serves)`,
        };
  if (resolved.kind === 'invalid') return failed(resolved);
  if (candidate === undefined && serving !== undefined) return serving;
  const failure = standingFailure(fn, candidate) ?? view.refusal;
  if (failure !== undefined) return failed(failure);
  const { revision } = resolved.blueprint;
  const live = candidate === undefined ? [] : view.podsOf(candidate).filter(isLive);
  const trouble = candidate === undefined ? undefined : troubleOf(candidate, live);
  if (trouble !== undefined) return failed(trouble);
  return active === undefined
    ? { status: 'False', reason: 'Starting', message: `Revision ${revision} is starting` }
    : {
        status: 'Unknown',
        reason: 'Updating',
        message: `Revision ${revision} is starting; revision ${revisionOf(active)} serves until it is ready`,
      };
}

function condition({ fn, nowMs }: StatusView, type: string, verdict: Verdict): Condition {
  const before = fn.status?.conditions?.find((it) => it.type === type);
  const since = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  return {
    type,
    ...verdict,
    observedGeneration: fn.metadata.generation ?? 0,
    lastTransitionTime: since ?? seconds(nowMs),
  };
}

function selectorText(fn: FunctionObject, set: ReplicaSet): string {
  return `${names.label.function}=${fn.metadata.name},${names.label.revision}=${revisionOf(set)}`;
}

/** Written rarely: each change of it costs a write that every watcher sees. */
function lastInvokedText({ fn, lastInvokedMs }: StatusView, live: number): string | undefined {
  const before = fn.status?.lastInvoked;
  if (lastInvokedMs === undefined) return before;
  const next = seconds(lastInvokedMs);
  if (before === undefined) return next;
  const laterMs = Date.parse(next) - Date.parse(before);
  const dueMs = live === fn.status?.replicas ? lastInvokedStepMs : 0;
  return laterMs > 0 && laterMs >= dueMs ? next : before;
}

/** metav1.Time. */
function seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
