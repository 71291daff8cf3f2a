import { names } from '../api/index.ts';

/** Annotations on ReplicaSets that this room writes. */
export const annotations = {
  /** When the Function's spec last asked for this revision (RFC 3339, milliseconds): orders the history. */
  requestedAt: names.annotation.requestedAt,
  /** Hash of the pod template as it was last built, also of what makes no new revision. */
  template: 'nought.dev/template',
  /** Why this revision was given up: a `RevisionFailure` in JSON. */
  failure: names.annotation.failure,
  /** This revision has worked once: it has been the latest one that takes the traffic. */
  proven: names.annotation.proven,
  /** What of the spec made this revision, for going back to it. */
  revisionSpec: names.annotation.revisionSpec,
} as const;
