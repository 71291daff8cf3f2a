import { type Condition, type FunctionObject, names, type Pod } from '../../api/index.ts';

const ready = 'Ready';
const serving = 'Serving';
const noSource = {};

/**
 * What the gateway reads of a Function, and nothing else: of 10,000 of them each byte counts.
 *
 * Left out are the code, environment, labels, annotations, and what conditions that hold say.
 */
export function trimmedFunction(object: FunctionObject): FunctionObject {
  const { apiVersion, kind, metadata, spec, status } = object;
  const { name, namespace, uid, resourceVersion, deletionTimestamp } = metadata;
  const { runtime, signature, timeout, scaling, coldStart, async } = spec;
  const { hardConcurrency, idle } = scaling ?? {};
  return {
    apiVersion,
    kind,
    metadata: present({ name, namespace, uid, resourceVersion, deletionTimestamp }),
    spec: present({
      runtime,
      source: noSource,
      signature,
      timeout,
      scaling:
        hardConcurrency === undefined && idle === undefined
          ? undefined
          : present({ hardConcurrency, idle }),
      coldStart,
      async,
    }),
    ...(status === undefined ? {} : { status: trimmedStatus(status) }),
  };
}

function trimmedStatus(
  status: NonNullable<FunctionObject['status']>,
): NonNullable<FunctionObject['status']> {
  const { conditions = [], replicas, readyReplicas, revision, lastInvoked, traffic } = status;
  const kept = conditions.filter(({ type }) => type === ready || type === serving).map(trimmed);
  return present({
    conditions: kept.length === 0 ? undefined : kept,
    replicas,
    readyReplicas,
    revision,
    lastInvoked,
    traffic,
  });
}

/** Two for each type serve most functions. */
const holding: ReadonlyMap<string, Condition> = new Map(
  [ready, serving].map((type) => [type, { type, status: 'True' }]),
);

function trimmed({ type, status, reason, message }: Condition): Condition {
  const shared = status === 'True' ? holding.get(type) : undefined;
  return shared ?? present({ type, status, reason, message });
}

/** What the gateway reads of a Pod: how it is reached, whether it serves, whose it is. */
export function trimmedPod(pod: Pod): Pod {
  const { apiVersion, kind, metadata, spec, status } = pod;
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  const of = present({
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp,
    deletionTimestamp,
  });
  const { phase, podIP, conditions = [], containerStatuses = [] } = status ?? {};
  return {
    apiVersion,
    kind,
    metadata: {
      ...of,
      labels: picked(metadata.labels, [names.label.function, names.label.revision]),
      annotations: picked(metadata.annotations, [
        names.annotation.draining,
        names.annotation.loading,
      ]),
    },
    spec: {
      containers: spec.containers.map(({ name: own, ports = [] }) => ({ name: own, ports })),
    },
    status: present({
      phase,
      podIP,
      conditions: conditions.filter(({ type }) => type === ready),
      containerStatuses: containerStatuses.map(
        ({ name: own, ready: isUp, restartCount, image, imageID }) => ({
          name: own,
          ready: isUp,
          restartCount,
          image,
          imageID,
        }),
      ),
    }),
  };
}

function picked(
  from: Readonly<Record<string, string>> | undefined,
  keys: readonly string[],
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const key of keys) {
    const value = from?.[key];
    if (value !== undefined) out[key] = value;
  }
  return out;
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The object without the members that are undefined. */
function present<T extends object>(object: T): Present<T> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) out[name] = value;
  }
  return out as Present<T>;
}
