import { type Pod } from '../api/index.ts';
import {
  type Client,
  createInformer,
  EventRecorder,
  type Informer,
  refs,
} from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Ids } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import { aborted } from '../lib/wait.ts';
import { clientConfiguration } from './configuration.ts';
import {
  type LogAnswer,
  type LogRequest,
  type NodeServerOptions,
  openNodeServer,
} from './node-server.ts';
import { PodWorker, type PodWorkerOptions } from './pod-worker.ts';
import { keepRegistered, nodeCapacity } from './registration.ts';
import type { Runtime, Sandbox } from './runtime.ts';
import { statsSummary } from './stats.ts';
import type {
  ContainerAnswer,
  ContainerName,
  PodName,
  SandboxAnswer,
} from './streaming/pod-streams.ts';

export interface NodeAgentOptions {
  readonly nodeName: string;
  /** status.hostIP, and where the node's server listens. */
  readonly address: string;
  /** nodeInfo.kubeletVersion, `v1.35.0-nought.0.1.0`. */
  readonly version: string;
  /** Must go on working for a moment after the agent's signal has aborted: last statuses are written. */
  readonly client: Client;
  readonly runtime: Runtime;
  /** On the file system of the pods' files, which the node reports on. */
  readonly folder: string;
  readonly server: Omit<NodeServerOptions, 'host'>;
  /** Whether the pods end with the agent; their objects stay either way. */
  readonly stopPods: boolean;
  /** How long pods may take to end with the agent. */
  readonly stopGraceMs?: number;
  /** Called once the node is registered and its pods are known. */
  readonly ready?: (info: { readonly port: number }) => void;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

const defaultStopGraceMs = 3000;
/** Beyond the grace of the containers: to write statuses and remove folders. */
const stopSlackMs = 2000;

/**
 * Runs the pods that are bound to this node until the signal aborts.
 *
 * Owns the runtime (which it disposes of), one worker per pod, the node's server and its
 * registration.
 *
 * Invariants:
 * 1. There is one worker per uid; a pod never waits for another one.
 * 2. A sandbox is removed as orphaned only after a complete list of the node's pods was taken in.
 */
export async function runNodeAgent(options: NodeAgentOptions, signal: AbortSignal): Promise<void> {
  await using runtime = options.runtime;
  if (runtime.limitations.length > 0) {
    options.log.warn('This host does not allow full isolation of pods', {
      runtime: runtime.name,
      limitations: runtime.limitations,
    });
  }
  const sandboxes = await runtime.recover();
  const agent = new NodeAgent(options, sandboxes);
  await agent.run(signal);
}

class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #pods: Informer<Pod>;
  readonly #recorder: EventRecorder;
  readonly #workerOptions: PodWorkerOptions;
  readonly #unclaimed: Map<string, Sandbox>;
  readonly #workers = new Map<string, PodWorker>();
  readonly #running = new Set<Promise<void>>();
  #stopping = false;

  constructor(options: NodeAgentOptions, sandboxes: readonly Sandbox[]) {
    const { client, nodeName, clock, log, ids } = options;
    this.#options = options;
    this.#unclaimed = new Map(sandboxes.map((each) => [each.pod.uid, each]));
    const pods = client.resource(refs.pods);
    this.#pods = createInformer({
      resource: pods,
      fieldSelector: `spec.nodeName=${nodeName}`,
      clock,
      log,
    });
    this.#recorder = new EventRecorder({
      client,
      component: 'kubelet',
      host: nodeName,
      clock,
      ids,
      log,
    });
    this.#workerOptions = {
      runtime: options.runtime,
      configuration: clientConfiguration(client, clock),
      pods,
      recorder: this.#recorder,
      facts: { nodeName, hostIP: options.address, allocatable: nodeCapacity() },
      clock,
      log,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { server, address, nodeName, clock, log, ready } = this.#options;
    const stop = new AbortController();
    await using node = await openNodeServer(
      { ...server, host: address },
      {
        logs: (request, end) => this.#logs(request, end),
        running: {
          container: (name) => this.#container(name),
          sandbox: (name) => this.#sandbox(name),
        },
        stats: () => statsSummary({ nodeName, pods: [...this.#workers.values()], clock }),
        clock,
        log,
      },
    );
    const registered = Promise.withResolvers<void>();
    const background = Promise.all([
      this.#pods.run(stop.signal),
      this.#recorder.run(stop.signal),
      keepRegistered(this.#registration(node.port), registered.resolve, stop.signal),
    ]);
    const end = aborted(signal);
    try {
      await Promise.race([this.#start(stop.signal, registered.promise), end, background]);
      if (!signal.aborted) ready?.({ port: node.port });
      await Promise.race([end, background]);
    } finally {
      await this.#stop();
      stop.abort(new Error('The node agent ends'));
      await background.catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #start(signal: AbortSignal, registered: Promise<void>): Promise<void> {
    await this.#pods.synced(signal);
    this.#pods.handle({
      added: (pod) => this.#add(pod),
      updated: (pod) => this.#workers.get(pod.metadata.uid ?? '')?.update(pod),
      deleted: (pod) => this.#workers.get(pod.metadata.uid ?? '')?.vanish(),
    });
    for (const sandbox of this.#unclaimed.values()) {
      this.#options.log.info('Removing a pod whose object is gone', { ...sandbox.pod });
      this.#track(sandbox.remove(), sandbox.pod.uid);
    }
    this.#unclaimed.clear();
    await registered;
  }

  #add(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (this.#stopping || this.#workers.has(uid)) return;
    const sandbox = this.#unclaimed.get(uid);
    this.#unclaimed.delete(uid);
    const worker = new PodWorker(pod, sandbox, this.#workerOptions);
    this.#workers.set(uid, worker);
    this.#track(
      worker.run().finally(() => this.#workers.delete(uid)),
      uid,
    );
  }

  #track(work: Promise<void>, uid: string): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#options.log.error('The work on a pod failed', { uid, error: String(error) });
      })
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** Stops the pods or lets go of them; waits for neither longer than the grace. */
  async #stop(): Promise<void> {
    this.#stopping = true;
    const { stopPods, stopGraceMs = defaultStopGraceMs, clock } = this.#options;
    for (const worker of this.#workers.values()) {
      if (stopPods) worker.suspend(stopGraceMs);
      else worker.abandon();
    }
    const enough = new AbortController();
    const time = clock.sleep(stopGraceMs + stopSlackMs, enough.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#running), time]);
    enough.abort(new Error('Stopped'));
    for (const worker of this.#workers.values()) worker.abandon();
    await Promise.all(this.#running);
  }

  #logs({ namespace, pod, container, options }: LogRequest, signal: AbortSignal): LogAnswer {
    const refused = (status: number, message: string): LogAnswer => ({
      kind: 'refused',
      status,
      message,
    });
    const worker = [...this.#workers.values()].find(
      (each) => each.pod.metadata.name === pod && each.pod.metadata.namespace === namespace,
    );
    if (worker === undefined) return refused(404, `pod "${pod}" not found`);
    const { spec } = worker.pod;
    const all = [...spec.containers, ...(spec.initContainers ?? [])];
    if (!all.some((each) => each.name === container)) {
      return refused(400, `container ${container} is not valid for pod ${pod}`);
    }
    const chunks = worker.sandbox?.logs(container, options, signal);
    if (chunks !== undefined) return { kind: 'log', chunks };
    return options.previous
      ? refused(400, `previous terminated container "${container}" in pod "${pod}" not found`)
      : refused(400, `container "${container}" in pod "${pod}" is waiting to start`);
  }

  #sandbox({ namespace, pod }: PodName): SandboxAnswer {
    const worker = [...this.#workers.values()].find(
      (each) => each.pod.metadata.name === pod && each.pod.metadata.namespace === namespace,
    );
    if (worker === undefined) {
      return { kind: 'refused', status: 404, message: `pod "${pod}" not found` };
    }
    const { sandbox } = worker;
    if (sandbox !== undefined) return { kind: 'sandbox', sandbox };
    const message = `unable to upgrade connection: pod "${pod}" is not running`;
    return { kind: 'refused', status: 500, message };
  }

  #container(name: ContainerName): ContainerAnswer {
    const found = this.#sandbox(name);
    if (found.kind === 'refused') return found;
    const container = found.sandbox.containers().find((each) => each.name === name.container);
    if (container !== undefined && container.exit() === undefined) {
      return { kind: 'container', container };
    }
    const message = `unable to upgrade connection: container not found ("${name.container}")`;
    return { kind: 'refused', status: 500, message };
  }

  #registration(port: number): Parameters<typeof keepRegistered>[0] {
    const { client, nodeName, address, version, runtime, folder, clock, log } = this.#options;
    const runtimeName = runtime.name;
    return { client, nodeName, address, port, version, runtimeName, folder, clock, log };
  }
}
