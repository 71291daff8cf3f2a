import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Container,
  ContainerStatus,
  Event,
  Pod,
  PodSpec,
  PodStatus,
} from '../../api/index.ts';
import { createClient } from '../../client/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { runNodeAgent } from '../agent.ts';
import { openProcessRuntime } from '../process/runtime.ts';
import { ApiFarSide } from './api-far-side.ts';
import { makeCertificate } from './certificate.ts';
import { eventually } from './eventually.ts';

const pods = '/api/v1/namespaces/default/pods';

/** A node agent with a process runtime on a folder of its own, and the little of an API server it needs. */
export class AgentUnderTest implements AsyncDisposable {
  readonly api = new ApiFarSide();
  /** A folder of the host that all pods may write to. */
  readonly shared: string;
  readonly #folder: string;
  readonly #tls: { readonly key: string; readonly cert: string };
  #stop: (() => Promise<void>) | undefined;

  private constructor(
    folder: string,
    shared: string,
    tls: { readonly key: string; readonly cert: string },
  ) {
    this.#folder = folder;
    this.shared = shared;
    this.#tls = tls;
  }

  static async open(): Promise<AgentUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), 'nought-agent-'));
    const shared = await mkdtemp(join(tmpdir(), 'nought-shared-'));
    await chmod(shared, 0o777);
    const agent = new AgentUnderTest(folder, shared, await makeCertificate());
    await agent.start();
    return agent;
  }

  async start(stopPods = true): Promise<void> {
    const [ending, connection] = [new AbortController(), new AbortController()];
    const ready = Promise.withResolvers<unknown>();
    const runtime = await openProcessRuntime({ folder: this.#folder, log: silentLog, images: {} });
    const running = runNodeAgent(
      {
        nodeName: 'n1',
        address: '127.0.0.1',
        version: 'v1.35.0',
        client: createClient(this.api, connection.signal),
        runtime,
        folder: this.#folder,
        server: { port: 0, ...this.#tls, token: 'the-token' },
        stopPods,
        stopGraceMs: 1000,
        ready: ready.resolve,
        clock: systemClock,
        ids: randomIds,
        log: silentLog,
      },
      ending.signal,
    );
    running.catch(ready.reject);
    await ready.promise;
    this.#stop = async () => {
      ending.abort(new Error('test'));
      await running;
      connection.abort(new Error('test'));
    };
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }

  /** Removes all pods and what was made for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { metadata } of this.api.list('pods')) this.api.remove(`${pods}/${metadata.name}`);
    await this.stop();
    await this.start();
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
    await rm(this.shared, { recursive: true, force: true });
  }

  /** Creates a pod of one container on the node, with what else the spec says. */
  create(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): void {
    const main = { name: 'main', image: 'any', ...container };
    this.api.put(`${pods}/${name}`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'n1', containers: [main], terminationGracePeriodSeconds: 1, ...spec },
    } as Pod);
  }

  pod(name: string): Pod | undefined {
    return this.api.get<Pod>(`${pods}/${name}`);
  }

  /** Changes the object of a pod as a user would. */
  change(name: string, change: (pod: Pod) => Pod): void {
    this.api.put(`${pods}/${name}`, change(this.pod(name) as Pod));
  }

  terminate(name: string, seconds: number): void {
    this.api.terminate(`${pods}/${name}`, seconds);
  }

  /** The status of a pod once it passes the test. */
  async status(name: string, test: (status: PodStatus) => boolean): Promise<PodStatus> {
    try {
      return await eventually(`status of ${name}`, () => {
        const found = this.pod(name)?.status;
        return found !== undefined && test(found) ? found : undefined;
      });
    } catch (error) {
      const now = JSON.stringify([this.pod(name)?.status, this.events()], undefined, 1);
      throw new Error(`The pod stayed so: ${now}`, { cause: error });
    }
  }

  /** What is in a file of the shared folder. */
  read(name: string): string {
    return readFileSync(join(this.shared, name), 'utf8');
  }

  /** Writes a file of the shared folder. */
  write(name: string, text = ''): void {
    writeFileSync(join(this.shared, name), text);
  }

  /** Resolves when the object of a pod is gone. */
  async gone(name: string): Promise<void> {
    await eventually(`${name} is gone`, () => this.pod(name) === undefined);
  }

  /** `reason: message` of all events. */
  events(): readonly string[] {
    return this.api.list('events').map((each) => {
      const { reason, message } = each as Event;
      return `${reason}: ${message}`;
    });
  }

  async event(pattern: RegExp): Promise<void> {
    await eventually(`event ${String(pattern)} among ${this.events().join('; ')}`, () =>
      this.events().some((each) => pattern.test(each)),
    );
  }
}

/** A container that runs a shell script. */
export function shell(script: string, more: Partial<Container> = {}): Container {
  return { name: 'main', image: 'any', command: ['/bin/sh', '-c', script], ...more };
}

/** The status of one container, init containers included. */
export function containerOf(status: PodStatus, name = 'main'): ContainerStatus | undefined {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.find((each) => each.name === name);
}

export function conditionOf(status: PodStatus, type: string): string | undefined {
  return status.conditions?.find((each) => each.type === type)?.status;
}
