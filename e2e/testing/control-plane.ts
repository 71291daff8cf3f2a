import { type ApiServer, openApiServer } from '../../src/apiserver/index.ts';
import {
  type Client,
  createClient,
  createInformer,
  httpTransport,
  type ResourceRef,
} from '../../src/client/index.ts';
import {
  type ControllersOptions,
  EarlyPlacement,
  runControllers,
} from '../../src/controllers/index.ts';
import type { KubeObject } from '../../src/api/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import { type Certificate, makeCertificate } from './certificate.ts';

export interface ControlPlaneOptions {
  /** Left out: the controllers run with their defaults; false: none runs. */
  readonly controllers?: Partial<ControllersOptions> | false;
  /** An empty one in memory when left out; stays the caller's to close. */
  readonly store?: Store;
  /** Of the HTTPS listener; a free one when left out. */
  readonly port?: number;
  /** Of the HTTPS listener; made when left out. */
  readonly certificate?: Certificate;
  readonly log?: Log;
}

/** An API server over a store, with controllers, in this process and over HTTPS. */
export interface ControlPlane extends AsyncDisposable {
  readonly server: ApiServer;
  /** In-process, as an administrator. */
  readonly client: Client;
  /** Over HTTPS, as an administrator. */
  readonly remote: Client;
  readonly url: string;
  readonly token: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** Ends with the control plane. */
  readonly signal: AbortSignal;
}

const token = 'admin-token';
const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

export async function openControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const log = options.log ?? silentLog;
  await using opened = new AsyncDisposableStack();
  const store = options.store ?? opened.use(openMemoryStore());
  const placement = new EarlyPlacement();
  const server = opened.use(
    await openApiServer({
      store,
      clock: systemClock,
      ids: randomIds,
      log,
      tokens: new Map([[token, admin]]),
      placement,
    }),
  );
  await server.bootstrap();
  const { cert, key } = options.certificate ?? (await makeCertificate());
  const { port = 0 } = options;
  const { url } = await server.listen({ host: '127.0.0.1', port, tls: { cert, key } });
  const stop = new AbortController();
  const client = createClient(server.inProcess(admin), stop.signal);
  const transport = opened.use(httpTransport({ server: url, ca: cert, token }));
  const remote = createClient(transport, stop.signal);
  const shared = { client, clock: systemClock, ids: randomIds, log, placement };
  const running = [server.run(stop.signal)];
  if (options.controllers !== false) {
    running.push(runControllers({ ...shared, ...options.controllers }, stop.signal));
  }
  opened.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const end = opened.move();
  const { signal } = stop;
  return {
    server,
    client,
    remote,
    url,
    token,
    ca: cert,
    signal,
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

const deadlineMs = 15_000;

/**
 * Resolves with the objects of a resource once they satisfy the condition; checked at each change.
 * Rejects after 15 s with what is there.
 */
export async function eventually<T extends KubeObject>(
  { client, signal }: Pick<ControlPlane, 'client' | 'signal'>,
  where: { readonly ref: ResourceRef<T>; readonly namespace?: string },
  condition: (objects: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const informer = createInformer({
    resource: client.resource(where.ref),
    ...(where.namespace === undefined ? {} : { namespace: where.namespace }),
    clock: systemClock,
    log: silentLog,
  });
  const done = new AbortController();
  const running = informer.run(AbortSignal.any([signal, done.signal]));
  try {
    return await new Promise((resolve, reject) => {
      const late = AbortSignal.timeout(deadlineMs);
      late.addEventListener('abort', () => {
        const there = JSON.stringify(informer.list(), undefined, 2);
        reject(new Error(`Still not so after ${deadlineMs} ms: ${there}`));
      });
      const check = (): void => {
        const objects = informer.list();
        if (informer.hasSynced() && condition(objects)) resolve(objects);
      };
      informer.handle({ added: check, updated: check, deleted: check });
      informer.synced(AbortSignal.any([signal, late])).then(check, reject);
    });
  } finally {
    done.abort();
    await running;
  }
}
