import { StatusError } from '../../api/index.ts';
import type { NamedCall } from '../engine.ts';
import { badRequest } from '../refusals.ts';
import type { NodeLogOptions } from '../options.ts';
import type { Answer } from '../request.ts';
import { readObject } from '../verbs/get.ts';
import type { NodeEndpoint } from './node-log-client.ts';
import { containerOf, nodeOf } from './pod-target.ts';

/** Where on a node the two ends of an upgraded connection meet. */
export interface StreamTarget {
  readonly endpoint: NodeEndpoint;
  /** With the query. */
  readonly path: string;
  readonly access: NodeLogOptions;
}

/** Which streams a caller wants, and the kubelet's words for it. */
const streams = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const;

/** Subresources of pods that are reached by an upgraded connection. */
export const streamSubresources: ReadonlySet<string> = new Set(['exec', 'portforward']);

/** What a stream into a pod is joined to, on the pod's node. Throws StatusError. */
export async function streamTarget(call: NamedCall, subresource: string): Promise<StreamTarget> {
  const { engine, request, name, namespace = '' } = call;
  const { object: pod } = await readObject(call);
  const kubelets =
    subresource === 'exec'
      ? execPath(request.query, containerOf(pod, request.query.get('container') ?? ''))
      : { root: 'portForward', names: [], query: '' };
  const endpoint = await nodeOf(call, pod);
  if (engine.nodeLogs === undefined) {
    const message = 'This server has no access to the pods of nodes';
    throw new StatusError(503, 'ServiceUnavailable', message);
  }
  const { root, names, query } = kubelets;
  const path = [root, namespace, name, ...names].map(encodeURIComponent).join('/');
  return { endpoint, path: `/${path}${query}`, access: engine.nodeLogs };
}

interface KubeletPath {
  readonly root: string;
  /** After namespace and pod. */
  readonly names: readonly string[];
  readonly query: string;
}

function execPath(asked: URLSearchParams, container: string): KubeletPath {
  const query = new URLSearchParams();
  for (const [own, kubelets] of streams) {
    if (asked.get(own) === 'true' || asked.get(own) === '1') query.set(kubelets, '1');
  }
  if (!query.has('input') && !query.has('output') && !query.has('error')) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  const command = asked.getAll('command');
  if (command.length === 0) throw badRequest('you must specify a command for the container');
  for (const word of command) query.append('command', word);
  return { root: 'exec', names: [container], query: `?${query.toString()}` };
}

/** A request for such a subresource that does not ask for an upgrade. */
export function upgradeRequired(): Promise<Answer> {
  throw badRequest('Upgrade request required');
}
