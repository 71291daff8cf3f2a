import type { AddressInfo } from 'node:net';
import type { FunctionObject, KubeObject, Lease, Pod, Secret } from '../../api/index.ts';
import { names } from '../../api/index.ts';
import type { Client, ResourceClient, ResourceRef } from '../../client/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import type { GatewayLimits, GatewayOptions } from '../gateway-options.ts';
import { runGateway } from '../run-gateway.ts';
import type { FakePod } from './fake-pod.ts';
import { MemoryInformer } from './memory-informer.ts';
import { type FunctionShape, functionObject, podObject, type PodShape } from './objects.ts';

/** A gateway on a free port, fed by informers that the test sets. */
export class Harness implements AsyncDisposable {
  readonly functions = new MemoryInformer<FunctionObject>();
  readonly pods = new MemoryInformer<Pod>();
  readonly leases = new MemoryInformer<Lease>();
  readonly #controller = new AbortController();
  #work: Promise<void> = Promise.resolve();
  address = '';
  port = 0;
  tlsPort = 0;

  static async start(
    limits: Partial<GatewayLimits> = {},
    more: Partial<GatewayOptions> = {},
  ): Promise<Harness> {
    const harness = new Harness();
    const listening = Promise.withResolvers<readonly [AddressInfo, AddressInfo | undefined]>();
    const { functions, pods, leases } = harness;
    harness.#work = runGateway(
      {
        client: secretsClient('token-of-the-autoscaler'),
        host: '127.0.0.1',
        port: 0,
        clock: systemClock,
        ids: randomIds,
        log: silentLog,
        gateway: 'gateway-test',
        onListening: (...addresses) => listening.resolve(addresses),
        informers: { functions, pods, leases },
        limits: { drainGraceMs: 200, ...limits },
        ...more,
      },
      harness.#controller.signal,
    );
    harness.#work.catch(listening.reject);
    const [plain, tls] = await listening.promise;
    harness.port = plain.port;
    harness.tlsPort = tls?.port ?? 0;
    harness.address = `http://127.0.0.1:${harness.port}`;
    return harness;
  }

  function(shape: FunctionShape = {}): void {
    this.functions.put(functionObject(shape));
  }

  /** Makes a Pod object of a fake pod. */
  pod(pod: Pick<FakePod, 'host' | 'port'>, shape: Partial<PodShape> = {}): void {
    this.pods.put(podObject({ name: `pod-${pod.host}`, host: pod.host, port: pod.port, ...shape }));
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.address}${path}`, init);
  }

  /** Begins to stop; the promise settles when the gateway has stopped. */
  stop(): Promise<void> {
    this.#controller.abort(new Error('The test stops the gateway'));
    return this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A client that knows the autoscaler's Secret and nothing else. */
function secretsClient(token: string): Client {
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: names.autoscaler, namespace: names.systemNamespace },
    data: { token: Buffer.from(token).toString('base64') },
  };
  const refuse = (): never => {
    throw new Error('The gateway has no business here');
  };
  return {
    resource: <T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T> => ({
      ref,
      get: () => Promise.resolve(secret as unknown as T),
      // The API server has nothing that the watches do not tell.
      find: () => Promise.resolve(undefined),
      list: refuse,
      watch: refuse,
      create: refuse,
      update: refuse,
      patch: refuse,
      delete: refuse,
    }),
    raw: refuse,
    stream: refuse,
  };
}

/** Resolves once the condition holds; rejects after the deadline. */
export async function until(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}
