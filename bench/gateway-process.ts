/**
 * The gateway alone in its process, fed by informers that know one function with one pod: the
 * upstream. Prints `{"port":N}`; several may share a port.
 */
import {
  type FunctionObject,
  type KubeObject,
  type Lease,
  names,
  type Pod,
} from '../src/api/index.ts';
import type { ResourceClient, ResourceRef } from '../src/client/index.ts';
import { runGateway } from '../src/gateway/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { randomIds } from '../src/lib/ids.ts';
import { silentLog } from '../src/lib/log.ts';
import { benchConfig, say } from './child.ts';
import { fixedInformer } from './fixed-informer.ts';

const { upstreamPort, port = 0 } = benchConfig<{
  readonly upstreamPort: number;
  /** Shared with other gateways. */
  readonly port?: number;
}>();
const created = '2026-01-01T00:00:00Z';

const echo: FunctionObject = {
  apiVersion: 'nought.dev/v1',
  kind: 'Function',
  metadata: { name: 'echo', namespace: 'default', uid: 'function' },
  spec: { runtime: 'node', source: { inline: '' } },
  status: {
    conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '' }],
    replicas: 1,
    readyReplicas: 1,
    revision: 'r1',
  },
};

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'echo-r1-0',
    namespace: 'default',
    uid: 'pod',
    creationTimestamp: created,
    labels: { [names.label.function]: 'echo', [names.label.revision]: 'r1' },
  },
  spec: { containers: [{ name: 'function', ports: [{ containerPort: upstreamPort }] }] },
  status: {
    phase: 'Running',
    podIP: '127.0.0.1',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'function', ready: true, restartCount: 0, image: '', imageID: '' }],
  },
};

const refuse = (): never => {
  throw new Error('The gateway of the bench has no API server');
};

/** Objects that nothing of what is measured asks for. */
function unreachable<T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T> {
  const verbs = { get: refuse, find: refuse, list: refuse, watch: refuse, create: refuse };
  return { ref, ...verbs, update: refuse, patch: refuse, delete: refuse };
}

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')));
await runGateway(
  {
    client: { resource: unreachable, raw: refuse, stream: refuse },
    host: '127.0.0.1',
    port,
    reusePort: true,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    gateway: 'bench',
    onListening: (address) => say({ port: address.port }),
    informers: {
      functions: fixedInformer([echo]),
      pods: fixedInformer([pod]),
      leases: fixedInformer<Lease>([]),
    },
    limits: { drainGraceMs: 100 },
  },
  stop.signal,
);
process.exit(0);
