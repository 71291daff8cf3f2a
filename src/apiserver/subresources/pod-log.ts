import { StatusError } from '../../api/index.ts';
import type { NamedCall } from '../engine.ts';
import type { Answer } from '../request.ts';
import { readObject } from '../verbs/get.ts';
import { fetchFromNode } from './node-log-client.ts';
import { containerOf, nodeOf } from './pod-target.ts';

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
  const endpoint = await nodeOf(call, pod);
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
