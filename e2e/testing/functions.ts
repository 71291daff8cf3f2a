import { connect, type Socket } from 'node:net';
import { readdir, readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import {
  drainMark,
  type FunctionDemand,
  type FunctionObject,
  type FunctionSpec,
  type GatewayMessage,
  type KubeObject,
  names,
  type Pod,
} from '../../src/api/index.ts';
import { createInformer, refs, type ResourceRef } from '../../src/client/index.ts';
import { type FunctionsOptions, runFunctions } from '../../src/functions/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type ControlPlane, eventually } from './control-plane.ts';

const crds: ResourceRef<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** Brings the project's kinds to the API server, as `nought up` and an administrator do. */
export async function installFunctions({ client }: ControlPlane): Promise<void> {
  const folder = new URL('../../deploy/crds/', import.meta.url);
  for (const name of await readdir(folder)) {
    const text = await readFile(new URL(name, folder), 'utf8');
    await client.resource(crds).create(parse(text) as KubeObject);
  }
}

/** The Function controller and the autoscaler, until disposed of. */
export function startFunctions(
  { client, signal }: ControlPlane,
  options: Partial<FunctionsOptions> = {},
): AsyncDisposable {
  const stop = new AbortController();
  const running = runFunctions(
    {
      client,
      clock: systemClock,
      ids: randomIds,
      log: silentLog,
      identity: 'test',
      gatewayUrl: 'http://127.0.0.1:8080',
      runtimeVersion: '0.0.0',
      listen: { host: '127.0.0.1', port: 0 },
      gatewayGraceMs: 200,
      warmPool: 0,
      ...options,
    },
    AbortSignal.any([signal, stop.signal]),
  );
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

export function functionObject(name: string, spec: Partial<FunctionSpec> = {}): FunctionObject {
  return {
    apiVersion: 'nought.dev/v1',
    kind: 'Function',
    metadata: { name, namespace: 'default' },
    spec: { runtime: 'node', source: { inline: 'export default () => 1\n' }, ...spec },
  };
}

/** Says in a pod's status that its code could not be loaded, as its node's agent would. */
export async function failToLoad({ client }: ControlPlane, pod: Pod): Promise<void> {
  const message = JSON.stringify({
    kind: 'LoadError',
    message: "Unexpected token '}'",
    file: 'index.js',
    line: 3,
  });
  const container = {
    name: 'function',
    ready: false,
    restartCount: 1,
    image: '',
    imageID: '',
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1, reason: 'Error', message: `${message}\n` } },
  };
  const status = { phase: 'Running', containerStatuses: [container] };
  await client
    .resource(refs.pods)
    .patch(pod.metadata, { status }, { type: 'merge', subresource: 'status' });
}

/** A gateway as the autoscaler sees it: what it says is the test's to choose. */
export interface TestGateway extends AsyncDisposable {
  poke(name: string, held: number): void;
  sample(functions: readonly Partial<FunctionDemand>[]): void;
  /** Answers for the pod's present draining. */
  drained(pod: Pod): void;
  /** Answers for all drainings as they come, from now on. */
  answerAll(): void;
}

export async function connectGateway(plane: ControlPlane, gateway = 'g1'): Promise<TestGateway> {
  const { client, signal } = plane;
  const socket = await welcome(plane, gateway);
  const send = (message: GatewayMessage): void => {
    socket.write(`${JSON.stringify(message)}\n`);
  };
  const stop = new AbortController();
  const pods = createInformer({
    resource: client.resource(refs.pods),
    clock: systemClock,
    log: silentLog,
  });
  const watching = pods.run(AbortSignal.any([signal, stop.signal]));
  const drained = (pod: Pod): void => {
    const value = pod.metadata.annotations?.[names.annotation.draining];
    if (value === undefined) return;
    send({ kind: 'drained', pods: [drainMark(pod.metadata.uid ?? '', value)] });
  };
  return {
    poke: (name, held) => send({ kind: 'poke', function: name, held }),
    sample: (functions) => {
      const full = { function: '', inFlight: 0, held: 0, idleMs: 0, arrived: 0 };
      send({ kind: 'sample', functions: functions.map((each) => ({ ...full, ...each })) });
    },
    drained,
    answerAll: () => {
      pods.handle({ added: drained, updated: drained });
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      stop.abort();
      await watching;
    },
  };
}

const key = { namespace: names.systemNamespace, name: names.autoscaler };

/** Connects until it is welcomed: the Lease is published before its holder takes connections. */
async function welcome(plane: ControlPlane, gateway: string): Promise<Socket> {
  const late = AbortSignal.timeout(5000);
  await eventually(plane, { ref: refs.secrets, namespace: key.namespace }, (all) => all.length > 0);
  const secret = await plane.client.resource(refs.secrets).get(key);
  const token = Buffer.from(secret.data?.['token'] ?? '', 'base64').toString('utf8');
  const hello: GatewayMessage = { kind: 'hello', gateway, token };
  for (;;) {
    late.throwIfAborted();
    const [lease] = await eventually(plane, { ref: refs.leases, namespace: key.namespace }, (all) =>
      all.some((it) => it.metadata.annotations?.[names.annotation.demandAddress] !== undefined),
    );
    const address = lease?.metadata.annotations?.[names.annotation.demandAddress] ?? '';
    const at = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
    const answer = await new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(String(data)));
      socket.once('close', () => resolve(''));
      socket.on('error', () => resolve(''));
      socket.write(`${JSON.stringify(hello)}\n`);
    });
    if (answer.includes('welcome')) return socket;
    socket.destroy();
  }
}
