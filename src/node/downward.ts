import { type Container, parseQuantity, type Pod, type ResourceFieldRef } from '../api/index.ts';
import { ConfigError } from './configuration.ts';

/** What of the node and the sandbox a pod can ask for. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIP: string;
  readonly podIP: string;
  /** Quantities; stand for limits that a container does not have. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The value of a fieldRef; throws ConfigError for a path that does not exist. */
export function fieldValue(pod: Pod, path: string, facts: NodeFacts): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) {
    return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP;
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** The value of a resourceFieldRef: the amount divided by the divisor, rounded up. */
export function resourceValue(
  pod: Pod,
  container: Container | undefined,
  ref: ResourceFieldRef,
  facts: NodeFacts,
): string {
  const name = ref.containerName;
  const source = name === undefined ? container : findContainer(pod, name);
  if (source === undefined) throw new ConfigError(`container ${name ?? ''} not found`);
  const [from, ...rest] = ref.resource.split('.');
  const resource = rest.join('.');
  const { limits, requests } = source.resources ?? {};
  const fallback = facts.allocatable[resource] ?? '0';
  const amount =
    from === 'limits' ? (limits?.[resource] ?? fallback) : (requests?.[resource] ?? '0');
  const divisor = parseQuantity(String(ref.divisor ?? '1')).toNumber() || 1;
  return String(Math.ceil(parseQuantity(String(amount)).toNumber() / divisor));
}

/** A limit as a number; undefined when there is none. */
export function limitOf(container: Container, resource: 'cpu' | 'memory'): number | undefined {
  const value = container.resources?.limits?.[resource];
  return value === undefined ? undefined : parseQuantity(String(value)).toNumber();
}

function findContainer(pod: Pod, name: string): Container | undefined {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return all.find((each) => each.name === name);
}

/** `key="value"` lines in the order of keys, as in downwardAPI volumes. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
