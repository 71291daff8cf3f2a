import { silentLog } from '../../lib/log.ts';
import { berthsReady } from './berths-ready.ts';
import { openProcessRuntime } from '../process/runtime.ts';
import type { ContainerSpec } from '../runtime.ts';

/**
 * A process that holds a runtime and starts what its parent says, to be killed by it: takes
 * `{folder, images, uid, spec}` and answers `{address}` once the container has started. With a
 * `servingPort` it waits until a berth is there for it.
 */
process.on('message', (message: RuntimeOrder) => void serve(message));

export interface RuntimeOrder {
  readonly folder: string;
  readonly images: Readonly<Record<string, { argv: readonly string[]; engine: 'node' | 'python' }>>;
  readonly uid: string;
  readonly servingPort?: number;
  readonly spec: Omit<ContainerSpec, 'env'> & {
    readonly env: readonly (readonly [string, string])[];
  };
}

async function serve({ folder, images, uid, servingPort, spec }: RuntimeOrder): Promise<void> {
  const serving = servingPort === undefined ? {} : { servingPort };
  const runtime = await openProcessRuntime({ folder, images, ...serving, log: silentLog });
  await runtime.recover();
  if (servingPort !== undefined) await berthsReady(folder);
  const pod = { uid, namespace: 'default', name: 'pod' };
  const box = await runtime.openSandbox({ pod, ports: spec.ports, images: [spec.image] });
  await box.start({ ...spec, env: new Map(spec.env) }, new AbortController().signal);
  process.send?.({ address: box.address });
}
