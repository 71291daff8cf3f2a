import type { ResourceDescriptor } from '../../api/index.ts';

/** A subresource as discovery tells it. */
export interface SubresourceInfo {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

const readWrite = ['get', 'patch', 'update'];

/** Subresources of some built-in kinds beside status and scale. */
const particular: Readonly<Record<string, readonly SubresourceInfo[]>> = {
  '/pods': [
    { name: 'binding', group: '', version: 'v1', kind: 'Binding', verbs: ['create'] },
    { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
    {
      name: 'exec',
      group: '',
      version: 'v1',
      kind: 'PodExecOptions',
      verbs: ['create', 'get'],
    },
    { name: 'log', group: '', version: 'v1', kind: 'Pod', verbs: ['get'] },
    {
      name: 'portforward',
      group: '',
      version: 'v1',
      kind: 'PodPortForwardOptions',
      verbs: ['create', 'get'],
    },
  ],
  '/namespaces': [
    { name: 'finalize', group: '', version: 'v1', kind: 'Namespace', verbs: ['update'] },
  ],
};

/** All subresources of a kind. */
export function subresourcesOf(descriptor: ResourceDescriptor): readonly SubresourceInfo[] {
  const { group, version, plural, kind, status, scale } = descriptor;
  const out = [...(particular[`${group}/${plural}`] ?? [])];
  if (scale !== undefined) {
    out.push({
      name: 'scale',
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: readWrite,
    });
  }
  if (status) out.push({ name: 'status', group, version, kind, verbs: readWrite });
  return out;
}
