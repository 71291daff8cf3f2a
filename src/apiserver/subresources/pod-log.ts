import { StatusError } from '../../api/index.ts';
import { member, type ApiObject } from '../api-object.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest, unknownPath } from '../refusals.ts';
import type { Answer } from '../request.ts';
import { readObject } from '../verbs/get.ts';
import { endpointOf } from './node-endpoint.ts';
import { fetchFromNode, type NodeEndpoint } from './node-log-client.ts';

/** Parameters of a pod's log that the node understands as they are. */
const passedOn = [
  'follow',
  'limitBytes',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'timestamps',
];

/** GET of a pod's log: a stream from the node that runs it. */
export async function podLog(call: NamedCall): Promise<Answer> {
  const { engine, request, name } = call;
  const { object: pod } = await readObject(call);
  const container = containerOf(pod, request.query.get('container') ?? '');
  const nodeName = member(pod['spec'], 'nodeName');
  if (typeof nodeName !== 'string' || nodeName === '') {
    throw badRequest(`pod ${name} does not have a host assigned`);
  }
  const endpoint = await nodeEndpoint(call, nodeName);
  const query = new URLSearchParams();
  for (const parameter of passedOn) {
    const value = request.query.get(parameter);
    if (value !== null) query.set(parameter, value);
  }
  const path = ['containerLogs', call.namespace ?? '', name, container]
    .map(encodeURIComponent)
    .join('/');
  if (engine.nodeLogs === undefined) {
    throw new StatusError(
      503,
      'ServiceUnavailable',
      'This server has no access to the logs of nodes',
    );
  }
  const chunks = await fetchFromNode(engine.nodeLogs, {
    endpoint,
    path: `/${path}?${query.toString()}`,
    signal: request.signal,
  });
  return { kind: 'stream', chunks, contentType: 'text/plain' };
}

/** The container that is meant: the named one, or the only one. Throws StatusError 400. */
function containerOf(pod: ApiObject, asked: string): string {
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
    const message = `Cannot read the log: node "${nodeName}" has not said where it can be reached`;
    throw new StatusError(503, 'ServiceUnavailable', message);
  }
  return endpoint;
}
