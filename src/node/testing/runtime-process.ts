import { silentLog } from '../../lib/log.ts';
import { openProcessRuntime } from '../process/runtime.ts';
import type { ContainerSpec } from '../runtime.ts';

/**
 * A process that holds a runtime and starts what its parent says, to be killed by it: takes
 * `{folder, images, uid, spec}` and answers `{address}` once the container has started.
 */
process.on('message', (message: RuntimeOrder) => void serve(message));

export interface RuntimeOrder {
  readonly folder: string;
  readonly images: Readonly<Record<string, { argv: readonly string[]; engine: 'node' | 'python' }>>;
  readonly uid: string;
  readonly spec: Omit<ContainerSpec, 'env'> & {
    readonly env: readonly (readonly [string, string])[];
  };
}

async function serve({ folder, images, uid, spec }: RuntimeOrder): Promise<void> {
  const runtime = await openProcessRuntime({ folder, images, log: silentLog });
  await runtime.recover();
  const pod = { uid, namespace: 'default', name: 'pod' };
  const box = await runtime.openSandbox({ pod, ports: [], images: [spec.image] });
  await box.start({ ...spec, env: new Map(spec.env) }, new AbortController().signal);
  process.send?.({ address: box.address });
}
