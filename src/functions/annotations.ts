/** Annotations on ReplicaSets that only this room reads and writes. */
export const annotations = {
  /** When the Function's spec last asked for this revision (RFC 3339, milliseconds): orders the history. */
  requestedAt: 'nought.dev/requested-at',
  /** Hash of the pod template as it was last built, also of what makes no new revision. */
  template: 'nought.dev/template',
  /** Why this revision was given up: a `RevisionFailure` in JSON. */
  failure: 'nought.dev/failure',
} as const;
