import assert from 'node:assert/strict';
import type {
  FunctionObject,
  FunctionSpec,
  InvocationObject,
  InvocationStatus,
} from '../../src/api/index.ts';
import { refs } from '../../src/client/index.ts';
import { type GatewayOptions, runGateway } from '../../src/gateway/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type ControlPlane, openControlPlane } from './control-plane.ts';
import { functionObject, installFunctions } from './functions.ts';

export interface World extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly url: string;
  /** 0 without TLS. */
  readonly tlsPort: number;
}

/** An API server and a gateway; nothing carries out what is accepted. */
export async function openWorld(more: Partial<GatewayOptions> = {}): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const plane = opened.use(await openControlPlane({ controllers: false }));
  await installFunctions(plane);
  const stop = new AbortController();
  const listening = Promise.withResolvers<{ readonly port: number; readonly tlsPort: number }>();
  const running = runGateway(
    {
      client: plane.remote,
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      ids: randomIds,
      log: silentLog,
      gateway: 'g',
      onListening: ({ port }, tls) => listening.resolve({ port, tlsPort: tls?.port ?? 0 }),
      limits: { drainGraceMs: 100 },
      ...more,
    },
    stop.signal,
  );
  running.catch(listening.reject);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  const { port, tlsPort } = await listening.promise;
  const url = `http://127.0.0.1:${port}`;
  const end = opened.move();
  return { plane, url, tlsPort, [Symbol.asyncDispose]: () => end.disposeAsync() };
}

export async function createFunction(
  { client }: ControlPlane,
  name: string,
  spec: Partial<FunctionSpec> = {},
): Promise<FunctionObject> {
  return client.resource(refs.functions).create(functionObject(name, spec));
}

/** Calls asynchronously. */
export function call(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { prefer: 'respond-async', ...(init.headers as Record<string, string>) };
  return fetch(`${url}${path}`, { method: 'POST', ...init, headers });
}

/** The invocation of a call that was accepted. */
export function nameOf(answer: Response): { readonly namespace: string; readonly name: string } {
  assert.equal(answer.status, 202);
  const [, namespace = '', name = ''] =
    /^\/-\/invocations\/([^/]+)\/([^/]+)$/.exec(answer.headers.get('location') ?? '') ?? [];
  return { namespace, name };
}

/** Writes how an invocation has ended. */
export function finish(
  { client }: ControlPlane,
  key: { readonly namespace: string; readonly name: string },
  status: InvocationStatus,
): Promise<InvocationObject> {
  const whole = { finishTime: new Date().toISOString(), ...status };
  return client
    .resource(refs.invocations)
    .patch(key, { status: whole }, { type: 'merge', subresource: 'status' });
}

/** All invocations. */
export async function all({ client }: ControlPlane): Promise<readonly InvocationObject[]> {
  return (await client.resource(refs.invocations).list({})).items;
}
