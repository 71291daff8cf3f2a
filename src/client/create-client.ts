import { type KubeList, type KubeObject, StatusError, type WatchEvent } from '../api/index.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectKey,
  PatchOptions,
  PatchType,
  ResourceClient,
  ResourceRef,
  WatchOptions,
} from './client.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
const jsonType = 'application/json';
/** How often a request is repeated that the server turned away unread, as in client-go. */
const maxThrottledRetries = 10;

type Call = Partial<ApiRequest> & Pick<ApiRequest, 'method' | 'path'>;

/**
 * A client over a transport; every request ends when `signal` aborts.
 *
 * Answers of 429 that say when to come back are waited for and repeated, ten times at most: the
 * server has not looked at those requests.
 */
export function createClient(
  transport: Transport,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Client {
  const call = async (request: Call): Promise<unknown> => {
    const complete: ApiRequest = {
      query: {},
      body: undefined,
      contentType: '',
      signal,
      ...request,
    };
    for (let retry = 0; ; retry += 1) {
      const answer = await transport.send(complete);
      if (answer.status < 400) return answer.body;
      const error = StatusError.fromResponse(answer.status, answer.body);
      const waitSeconds = error.details?.retryAfterSeconds;
      if (answer.status !== 429 || waitSeconds === undefined || retry >= maxThrottledRetries) {
        throw error;
      }
      await clock.sleep(waitSeconds * 1000, signal);
    }
  };
  return {
    resource: (ref) => resourceClient(ref, { transport, signal, call }),
    raw: ({ method, path, query = {}, body, contentType = jsonType }) =>
      call({ method, path, query, body, contentType: body === undefined ? '' : contentType }),
    stream: (path, query, streamSignal) =>
      streamChunks(transport, {
        method: 'GET',
        path,
        query,
        body: undefined,
        contentType: '',
        signal: AbortSignal.any([signal, streamSignal]),
      }),
  };
}

interface Wire {
  readonly transport: Transport;
  readonly signal: AbortSignal;
  readonly call: (request: Call) => Promise<unknown>;
}

function resourceClient<T extends KubeObject>(ref: ResourceRef<T>, wire: Wire): ResourceClient<T> {
  const { call } = wire;
  const get = async (key: ObjectKey): Promise<T> =>
    (await call({ method: 'GET', path: objectPath(ref, key) })) as T;
  const write = async (method: 'POST' | 'PUT', path: string, body: T): Promise<T> =>
    (await call({ method, path, body, contentType: jsonType })) as T;
  return {
    ref,
    get,
    find: async (key) => {
      try {
        return await get(key);
      } catch (error) {
        if (error instanceof StatusError && error.code === 404) return undefined;
        throw error;
      }
    },
    list: async (options) => {
      const path = collectionPath(ref, options.namespace);
      return named(
        (await call({ method: 'GET', path, query: listQuery(options) })) as KubeList<T>,
        ref,
      );
    },
    watch: (options, watchSignal) =>
      watchEvents<T>(wire.transport, {
        method: 'GET',
        path: collectionPath(ref, options.namespace),
        query: watchQuery(options),
        body: undefined,
        contentType: '',
        signal: AbortSignal.any([wire.signal, watchSignal]),
      }),
    create: (object) => write('POST', collectionPath(ref, object.metadata.namespace), object),
    update: (object, subresource) =>
      write('PUT', objectPath(ref, object.metadata, subresource), object),
    patch: async (key, patch, options) =>
      (await call({
        method: 'PATCH',
        path: objectPath(ref, key, options.subresource),
        query: patchQuery(options),
        body: patch,
        contentType: patchContentTypes[options.type],
      })) as T,
    delete: async (key, options = {}) => {
      const path = objectPath(ref, key);
      await call({ method: 'DELETE', path, body: deleteBody(options), contentType: jsonType });
    },
  };
}

/** The path of a resource's collection, in one namespace or (left out) in all. */
function collectionPath(ref: ResourceRef<KubeObject>, namespace: string | undefined): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const scope =
    ref.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${root}${scope}/${ref.plural}`;
}

function objectPath(ref: ResourceRef<KubeObject>, key: ObjectKey, subresource?: string): string {
  // An empty segment would address the collection: DELETE would then empty it.
  if (key.name === '') throw new TypeError(`Cannot address a ${ref.kind}: its name is empty`);
  if (ref.namespaced && (key.namespace === undefined || key.namespace === '')) {
    throw new TypeError(`Cannot address ${ref.kind} "${key.name}": its namespace is missing`);
  }
  const object = `${collectionPath(ref, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? object : `${object}/${subresource}`;
}

function listQuery(options: ListOptions): Record<string, string> {
  return {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    ...(options.limit === undefined ? {} : { limit: String(options.limit) }),
    ...(options.continue === undefined ? {} : { continue: options.continue }),
    ...(options.resourceVersion === undefined ? {} : { resourceVersion: options.resourceVersion }),
  };
}

function watchQuery(options: WatchOptions): Record<string, string> {
  return {
    ...listQuery(options),
    watch: 'true',
    ...(options.allowWatchBookmarks === true ? { allowWatchBookmarks: 'true' } : {}),
    ...(options.timeoutSeconds === undefined
      ? {}
      : { timeoutSeconds: String(options.timeoutSeconds) }),
  };
}

function patchQuery(options: PatchOptions): Record<string, string> {
  return {
    ...(options.fieldManager === undefined ? {} : { fieldManager: options.fieldManager }),
    ...(options.force === undefined ? {} : { force: String(options.force) }),
  };
}

function deleteBody(options: DeleteOptions): unknown {
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
}

/** Items of a built-in list come without apiVersion and kind; consumers shall not have to care. */
function named<T extends KubeObject>(list: KubeList<T>, ref: ResourceRef<T>): KubeList<T> {
  const apiVersion = ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
  const items = (list.items ?? []).map((item) =>
    item.kind === undefined || item.apiVersion === undefined
      ? { ...item, apiVersion, kind: ref.kind }
      : item,
  );
  return { ...list, items };
}

async function* watchEvents<T extends KubeObject>(
  transport: Transport,
  request: ApiRequest,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const answer = await transport.watch(request);
  if (answer.kind === 'refused') throw refusal(answer);
  for await (const value of answer.events) {
    const event = value as WatchEvent<T>;
    if (event.type === 'ERROR') throw StatusError.fromResponse(event.object.code, event.object);
    yield event;
  }
}

async function* streamChunks(
  transport: Transport,
  request: ApiRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const answer = await transport.stream(request);
  if (answer.kind === 'refused') throw refusal(answer);
  yield* answer.chunks;
}

function refusal(answer: ApiResponse): StatusError {
  return StatusError.fromResponse(answer.status, answer.body);
}
