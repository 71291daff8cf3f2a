import { StatusError } from '../../api/index.ts';
import { member, type ApiObject } from '../api-object.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest, unknownPath } from '../refusals.ts';
import { readObject } from '../verbs/get.ts';
import { endpointOf } from './node-endpoint.ts';
import type { NodeEndpoint } from './node-log-client.ts';

/** Where the node of a pod can be reached. Throws StatusError 400, 404, 503. */
export async function nodeOf(call: NamedCall, pod: ApiObject): Promise<NodeEndpoint> {
  const nodeName = member(pod['spec'], 'nodeName');
  if (typeof nodeName !== 'string' || nodeName === '') {
    throw badRequest(`pod ${call.name} does not have a host assigned`);
  }
  return nodeEndpoint(call, nodeName);
}

/** The container that is meant: the named one, or the only one. Throws StatusError 400. */
export function containerOf(pod: ApiObject, asked: string): string {
  const { name } = pod.metadata;
  const containers = namesIn(pod, 'containers');
  const initContainers = namesIn(pod, 'initContainers');
  if (asked !== '') {
    const known = [...containers, ...initContainers, ...namesIn(pod, 'ephemeralContainers')];
    if (known.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only, ...others] = containers;
  if (only !== undefined && others.length === 0 && initContainers.length === 0) return only;
  const choice = `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]`;
  throw badRequest(
    initContainers.length === 0
      ? choice
      : `${choice} or one of the init containers: [${initContainers.join(' ')}]`,
  );
}

function namesIn(pod: ApiObject, list: string): readonly string[] {
  const containers = member(pod['spec'], list);
  if (!Array.isArray(containers)) return [];
  return containers.map((container: unknown) => String(member(container, 'name')));
}

/** Where a node's kubelet endpoint is. Throws StatusError 404, 503. */
async function nodeEndpoint(call: NamedCall, nodeName: string): Promise<NodeEndpoint> {
  const nodes = call.engine.registry.find('', 'v1', 'nodes');
  if (nodes === undefined) throw unknownPath();
  const { object } = await readObject({
    ...call,
    resource: nodes,
    namespace: undefined,
    name: nodeName,
  });
  const endpoint = endpointOf(object);
  if (endpoint === undefined) {
    const message = `Cannot reach the pod: node "${nodeName}" has not said where it can be reached`;
    throw new StatusError(503, 'ServiceUnavailable', message);
  }
  return endpoint;
}
