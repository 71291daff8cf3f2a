import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  type FunctionObject,
  type FunctionSpec,
  type InvocationObject,
  type InvocationRequest,
  newInvocation,
} from '../../src/api/index.ts';
import { refs } from '../../src/client/index.ts';
import type { FunctionsOptions } from '../../src/functions/index.ts';
import { type ControlPlane, eventually, openControlPlane } from './control-plane.ts';
import { functionObject, installFunctions, startFunctions } from './functions.ts';

interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly answer: ServerResponse;
}

/** A gateway that the test answers for. */
class FakeGateway implements AsyncDisposable {
  readonly arrived: Arrived[] = [];
  readonly left: string[] = [];
  readonly #server = createServer((request, answer) => void this.#take(request, answer));
  readonly #changed = new EventEmitter();
  answer: (call: Arrived) => void = ({ answer }) => answer.end('done');
  url = '';

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async #take(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    answer.on('close', () => {
      if (answer.writableFinished) return;
      this.left.push(url);
      this.#changed.emit('change');
    });
    const call = { method, path: url, headers, body: await buffer(request), answer };
    this.arrived.push(call);
    this.answer(call);
    this.#changed.emit('change');
  }

  async until(holds: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(10_000);
    while (!holds()) await once(this.#changed, 'change', { signal: late });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** An API server, what carries out invocations, and the gateway that it calls. */
export interface World extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly gateway: FakeGateway;
  /** Ends what carries out the calls, as a crash or the loss of the Lease does. */
  stopFunctions(): Promise<void>;
  startFunctions(options?: Partial<FunctionsOptions>): void;
}

export async function openWorld(
  invocationLimits: NonNullable<FunctionsOptions['invocationLimits']> = {},
): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const plane = opened.use(await openControlPlane());
  const gateway = opened.use(await new FakeGateway().open());
  await installFunctions(plane);
  let functions: AsyncDisposable | undefined;
  const stopFunctions = async (): Promise<void> => {
    const running = functions;
    functions = undefined;
    await running?.[Symbol.asyncDispose]();
  };
  const start = (options: Partial<FunctionsOptions> = {}): void => {
    functions = startFunctions(plane, { gatewayUrl: gateway.url, invocationLimits, ...options });
  };
  start();
  opened.defer(stopFunctions);
  const end = opened.move();
  return {
    plane,
    gateway,
    stopFunctions,
    startFunctions: start,
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

export function createFunction(
  { client }: ControlPlane,
  name: string,
  spec: Partial<FunctionSpec> = {},
): Promise<FunctionObject> {
  return client.resource(refs.functions).create(functionObject(name, spec));
}

/** Creates an invocation. */
export async function invoke(
  { client }: ControlPlane,
  fn: FunctionObject,
  name: string,
  request: Partial<InvocationRequest> = {},
): Promise<InvocationObject> {
  return client.resource(refs.invocations).create(
    newInvocation({
      fn,
      name,
      request: { method: 'POST', path: '/', ...request },
      deadLetter: fn.spec.async?.deadLetter,
    }),
  );
}

/** The invocation once it is in one of these phases. */
export async function phase(
  plane: ControlPlane,
  name: string,
  ...phases: readonly string[]
): Promise<InvocationObject> {
  const has = ({ metadata, status }: InvocationObject): boolean =>
    metadata.name === name && phases.includes(status?.phase ?? '');
  const all = await eventually(plane, { ref: refs.invocations }, (them) => them.some(has));
  return all.find(has) as InvocationObject;
}

/** The reason of a condition. */
export function condition(invocation: InvocationObject, type: string): string | undefined {
  return invocation.status?.conditions?.find((each) => each.type === type)?.reason;
}
