import { createHash, createHmac } from 'node:crypto';
import type { Pod, PodSpec, ReplicaSet } from '../../api/index.ts';
import { formatClaim, names } from '../../api/index.ts';
import { defaultResources, type Placement, terminationLog } from '../pod-template.ts';
import { revisionHash } from '../revision-hash.ts';
import { isLive, isReady } from '../roles.ts';
import type { WarmRuntime } from './specialisation.ts';

/** The pods of one pool: alike but for the name and the secret's digest. */
export interface WarmTemplate {
  readonly runtime: WarmRuntime;
  readonly spec: PodSpec;
  /** Of the spec: pods of another one are replaced. */
  readonly hash: string;
}

const templateAnnotation = 'nought.dev/template';

export function warmTemplate(
  runtime: WarmRuntime,
  { gatewayUrl, runtimeVersion }: Placement,
  graceSeconds: number,
): WarmTemplate {
  const volume = { name: 'code', emptyDir: {} };
  const port = names.functionPort;
  const spec: PodSpec = {
    containers: [
      {
        name: 'function',
        image: `${names.image[runtime]}:${runtimeVersion}`,
        ports: [{ containerPort: port }],
        env: [
          { name: 'PORT', value: String(port) },
          { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'NOUGHT_GATEWAY', value: gatewayUrl },
          { name: 'NOUGHT_CODE', value: names.codeMountPath },
          { name: 'NOUGHT_TERMINATION_LOG', value: terminationLog },
        ],
        resources: defaultResources,
        terminationMessagePath: terminationLog,
        readinessProbe: {
          httpGet: { path: names.warmPath, port },
          periodSeconds: 1,
          timeoutSeconds: 5,
        },
        volumeMounts: [{ name: volume.name, mountPath: names.codeMountPath }],
      },
    ],
    volumes: [volume],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: graceSeconds,
    enableServiceLinks: false,
    automountServiceAccountToken: false,
  };
  return { runtime, spec, hash: revisionHash(spec) };
}

/** A pod of a pool; its spec says nothing of the secret but the digest. */
export function warmPod(
  { runtime, spec, hash }: WarmTemplate,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  secret: string,
): Pod {
  const digest = createHash('sha256').update(secret).digest('hex');
  const containers = spec.containers.map((container) => ({
    ...container,
    env: [...(container.env ?? []), { name: 'NOUGHT_CLAIM_DIGEST', value: digest }],
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { [names.label.pool]: runtime },
      annotations: { [templateAnnotation]: hash },
    },
    spec: { ...spec, containers },
  };
}

/** The one-time secret of a pod: known to whoever has the key of the pools, kept nowhere. */
export function claimSecret(
  key: string,
  { namespace, name }: { readonly namespace?: string; readonly name: string },
): string {
  return createHmac('sha256', key)
    .update(`${namespace ?? ''}/${name}`)
    .digest('hex');
}

/** `namespace/runtime` of the pool that a pod waits in; undefined for a pod that is in none. */
export function poolOf({ metadata }: Pod): string | undefined {
  const runtime = metadata.labels?.[names.label.pool];
  return runtime === undefined ? undefined : `${metadata.namespace ?? ''}/${runtime}`;
}

export function isOfTemplate({ metadata }: Pod, { hash }: WarmTemplate): boolean {
  return metadata.annotations?.[templateAnnotation] === hash;
}

/** True for a pod that has booted and can be told its code. */
export function isClaimable(pod: Pod): boolean {
  return isLive(pod) && isReady(pod) && (pod.status?.podIP ?? '') !== '';
}

/** Takes a pod out of its pool and gives it to a ReplicaSet: refused when it is no longer in the pool. */
export function claimPatch(
  pod: Pod,
  set: ReplicaSet,
  raise: { readonly generation: number; readonly atMs: number; readonly isLoading: boolean },
): readonly object[] {
  const { uid = '', labels = {} } = pod.metadata;
  const { generation, atMs, isLoading } = raise;
  const since = new Date(atMs).toISOString();
  const at = (path: string, name: string): string =>
    `/metadata/${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: set.metadata.name,
    uid: set.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: at('labels', names.label.pool), value: labels[names.label.pool] },
    { op: 'replace', path: '/metadata/labels', value: set.spec.template.metadata?.labels ?? {} },
    { op: 'add', path: '/metadata/ownerReferences', value: [owner] },
    {
      op: 'add',
      path: at('annotations', names.annotation.claim),
      value: formatClaim({ generation, atMs, pods: [uid] }),
    },
    ...(isLoading
      ? [{ op: 'add', path: at('annotations', names.annotation.loading), value: since }]
      : []),
  ];
}

/** Milliseconds since the epoch. */
export function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}
