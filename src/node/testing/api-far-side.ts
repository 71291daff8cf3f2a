import { randomUUID } from 'node:crypto';
import { type KubeObject, mergePatch, StatusError, type WatchEvent } from '../../api/index.ts';
import type {
  ApiRequest,
  ApiResponse,
  StreamResponse,
  Transport,
  WatchResponse,
} from '../../client/index.ts';
import { AsyncQueue } from '../../lib/async-queue.ts';

interface Target {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/**
 * The little of an API server that a node agent talks to, over the client's own transport: enough to
 * test the agent in its room; the stories with the real server are in e2e.
 */
export class ApiFarSide implements Transport {
  readonly #objects = new Map<string, KubeObject>();
  readonly #log: { readonly target: Target; readonly event: WatchEvent }[] = [];
  readonly #watchers = new Set<(target: Target, event: WatchEvent) => void>();
  /** While true every request fails as if the server were away. */
  down = false;

  get<T extends KubeObject>(path: string): T | undefined {
    return this.#objects.get(path) as T | undefined;
  }

  list(collection: string): readonly KubeObject[] {
    return [...this.#objects].flatMap(([path, object]) =>
      parse(path).collection === collection ? [object] : [],
    );
  }

  put(path: string, object: KubeObject): void {
    const before = this.#objects.get(path);
    const metadata = {
      creationTimestamp: now(),
      uid: randomUUID(),
      ...before?.metadata,
      ...object.metadata,
      resourceVersion: String(this.#log.length + 1),
    };
    const stored = { ...object, metadata };
    this.#objects.set(path, stored);
    this.#emit(parse(path), before === undefined ? 'ADDED' : 'MODIFIED', stored);
  }

  remove(path: string): void {
    const object = this.#objects.get(path);
    if (object === undefined) return;
    this.#objects.delete(path);
    this.#emit(parse(path), 'DELETED', object);
  }

  /** Marks an object as being deleted, as the server does for a pod on a node. */
  terminate(path: string, seconds: number): void {
    const object = this.#objects.get(path) as KubeObject;
    const metadata = {
      ...object.metadata,
      deletionTimestamp: new Date(Date.now() + seconds * 1000).toISOString(),
      deletionGracePeriodSeconds: seconds,
    };
    this.put(path, { ...object, metadata });
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    if (this.down) throw new Error('connect ECONNREFUSED');
    try {
      return { status: 200, body: structuredClone(this.#answer(request)) };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return { status: error.code, body: error.toStatus() };
    }
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    if (this.down) throw new Error('connect ECONNREFUSED');
    const wanted = parse(request.path);
    const selector = request.query['fieldSelector'] ?? '';
    const queue = new AsyncQueue<unknown>(10_000);
    const take = (target: Target, event: WatchEvent): void => {
      if (target.collection !== wanted.collection) return;
      if (wanted.namespace !== undefined && wanted.namespace !== target.namespace) return;
      if (selects(selector, event.object as KubeObject)) queue.push(structuredClone(event));
    };
    const from = request.query['resourceVersion'];
    if (from === undefined || from === '') {
      for (const [path, object] of this.#objects) take(parse(path), { type: 'ADDED', object });
    } else {
      for (const { target, event } of this.#log.slice(Number(from))) take(target, event);
    }
    this.#watchers.add(take);
    request.signal.addEventListener('abort', () => {
      this.#watchers.delete(take);
      queue.end();
    });
    return { kind: 'events', events: queue };
  }

  async stream(): Promise<StreamResponse> {
    return { kind: 'refused', status: 404, body: '' };
  }

  #answer({ method, path, query, body }: ApiRequest): unknown {
    const target = parse(path);
    const key = path.replace(/\/status$/, '');
    const found = this.#objects.get(key);
    if (method === 'GET' && target.name === undefined) return this.#listOf(target, query);
    if (method === 'POST') {
      const object = body as KubeObject;
      this.put(`${path}/${object.metadata.name ?? randomUUID()}`, object);
      return this.#objects.get(`${path}/${object.metadata.name}`);
    }
    if (found === undefined) throw new StatusError(404, 'NotFound', `${key} not found`);
    if (method === 'PATCH') {
      const patch = body as { readonly metadata?: { readonly uid?: string } };
      const uid = patch.metadata?.uid;
      if (uid !== undefined && uid !== found.metadata.uid) {
        throw new StatusError(409, 'Conflict', 'the UID in the precondition does not match');
      }
      this.put(key, mergePatch(found, patch) as KubeObject);
    }
    if (method === 'DELETE') {
      const { preconditions } = body as { readonly preconditions?: { readonly uid?: string } };
      if (preconditions?.uid !== found.metadata.uid) {
        throw new StatusError(409, 'Conflict', 'the UID in the precondition does not match');
      }
      this.remove(key);
    }
    return this.#objects.get(key) ?? found;
  }

  #listOf(target: Target, query: Readonly<Record<string, string>>): unknown {
    const items = [...this.#objects].flatMap(([path, object]) => {
      const { collection, namespace } = parse(path);
      const here = target.namespace === undefined || target.namespace === namespace;
      return collection === target.collection &&
        here &&
        selects(query['fieldSelector'] ?? '', object)
        ? [object]
        : [];
    });
    const metadata = { resourceVersion: String(this.#log.length) };
    return { apiVersion: 'v1', kind: 'List', metadata, items };
  }

  #emit(target: Target, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    const event = { type, object };
    this.#log.push({ target, event });
    for (const watcher of this.#watchers) watcher(target, event);
  }
}

function parse(path: string): Target {
  const parts = path.split('/').slice(1);
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const namespace = rest[0] === 'namespaces' ? rest[1] : undefined;
  const [collection = '', name, subresource] = namespace === undefined ? rest : rest.slice(2);
  return { collection, namespace, name, subresource };
}

function selects(selector: string, object: KubeObject): boolean {
  return selector.split(',').every((term) => {
    const [field = '', value] = term.split('=');
    if (field === '') return true;
    let at: unknown = object;
    for (const part of field.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
    return at === value;
  });
}

function now(): string {
  return new Date().toISOString();
}
