/** Labels, annotations and well-known names that more than one room reads or writes. */
export const names = {
  group: 'nought.dev',
  /** Where the platform's own Leases and Secrets live. */
  systemNamespace: 'nought-system',
  label: {
    /** On pods, ReplicaSets and code ConfigMaps: the Function's name. */
    function: 'nought.dev/function',
    /** On pods and ReplicaSets: the revision. */
    revision: 'nought.dev/revision',
    /** On the ConfigMaps of a package: its name. */
    package: 'nought.dev/package',
    /** On pods that have booted without code and wait to be claimed: their runtime. */
    pool: 'nought.dev/pool',
  },
  annotation: {
    /** On a pod that is to go away: no gateway routes to it any more (value: the time, RFC 3339). */
    draining: 'nought.dev/draining',
    /** On the autoscaler's Lease: `host:port` where it takes demand. */
    demandAddress: 'nought.dev/demand-address',
    /** On a revision's ReplicaSet: when the spec last asked for it (RFC 3339, milliseconds). Orders the history. */
    requestedAt: 'nought.dev/requested-at',
    /** On a revision's ReplicaSet: it has worked once. */
    proven: 'nought.dev/proven',
    /** On a revision's ReplicaSet: why it was given up, in JSON: generation, reason, message. */
    failure: 'nought.dev/failure',
    /** On a revision's ReplicaSet: what of the spec made it (`revisionRecord`). */
    revisionSpec: 'nought.dev/revision-spec',
    /** On a pod that was claimed from a pool: for which raise of its ReplicaSet (value: `formatClaim`). */
    claim: 'nought.dev/claim',
    /** On a ReplicaSet: the uids of pods that are being claimed for it (value: `formatClaim`). */
    claims: 'nought.dev/claims',
    /**
     * On a pod that was claimed from a pool and has not loaded its code (value: the time, RFC 3339): its
     * Ready condition says nothing of the function yet.
     */
    loading: 'nought.dev/loading',
    /** On a HorizontalPodAutoscaler: how often it decides, `30s`. */
    syncPeriod: 'nought.dev/sync-period',
    podDeletionCost: 'controller.kubernetes.io/pod-deletion-cost',
  },
  /** Lease (and Secret with the key `token`) of the autoscaler, in the system namespace. */
  autoscaler: 'nought-autoscaler',
  /** Images that stand for the function servers; the process runtime runs them from the package. */
  image: { node: 'nought.dev/runtime-node', python: 'nought.dev/runtime-python' },
  /** Where a function server finds its code inside a container. */
  codeMountPath: '/var/run/nought/code',
  /** Port that function pods listen on. */
  functionPort: 8080,
  /** Answered by the function servers themselves, never by the handler; 200 once the handler is loaded. */
  readyPath: '/.well-known/nought/ready',
  /** 200 from a function server that has booted, with code or without. */
  warmPath: '/.well-known/nought/warm',
  /** Takes the code of a pod that booted without, once. */
  specialisePath: '/.well-known/nought/specialize',
} as const;
