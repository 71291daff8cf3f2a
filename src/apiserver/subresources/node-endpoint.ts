import { member, type ApiObject } from '../api-object.ts';
import type { NodeEndpoint } from './node-log-client.ts';

/** Where a node's kubelet endpoint is; undefined as long as the node has not said so. */
export function endpointOf(node: ApiObject): NodeEndpoint | undefined {
  const addresses = member(node['status'], 'addresses');
  const internal = Array.isArray(addresses)
    ? addresses.find((one: unknown) => member(one, 'type') === 'InternalIP')
    : undefined;
  const host = member(internal, 'address');
  const endpoints = member(node['status'], 'daemonEndpoints');
  const port = member(member(endpoints, 'kubeletEndpoint'), 'Port');
  if (typeof host !== 'string' || typeof port !== 'number') return undefined;
  return { host, port, nodeName: node.metadata.name };
}
