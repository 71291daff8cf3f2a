import { names } from '../api/index.ts';
import { createInformer, refs } from '../client/index.ts';
import type { GatewayInformers, GatewayOptions } from './gateway-options.ts';
import { trimmedFunction, trimmedPod } from './routes/trimmed.ts';

/** The watches of a gateway on the cluster; of what they bring only what it reads is kept. */
export function gatewayWatches({ client, clock, log }: GatewayOptions): GatewayInformers {
  const shared = { clock, log };
  return {
    functions: createInformer({
      ...shared,
      resource: client.resource(refs.functions),
      transform: trimmedFunction,
    }),
    pods: createInformer({
      ...shared,
      resource: client.resource(refs.pods),
      labelSelector: names.label.function,
      transform: trimmedPod,
    }),
    leases: createInformer({
      ...shared,
      resource: client.resource(refs.leases),
      namespace: names.systemNamespace,
      fieldSelector: `metadata.name=${names.autoscaler}`,
    }),
  };
}
