import type { KubeList, KubeObject, WatchEvent } from '../api/index.ts';

/** Which resource of the API, and what type its objects have. */
export interface ResourceRef<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set: carries the type. */
  readonly type?: T;
}

export interface ListOptions {
  /** All namespaces when left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions {
  readonly type: PatchType;
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly force?: boolean;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** The verbs on one resource. All throw StatusError for the server's refusals. */
export interface ResourceClient<T extends KubeObject> {
  readonly ref: ResourceRef<T>;
  get(key: ObjectKey): Promise<T>;
  /** `get`, with undefined for NotFound. */
  find(key: ObjectKey): Promise<T | undefined>;
  list(options: ListOptions): Promise<KubeList<T>>;
  /** Events after `resourceVersion`; throws StatusError(410) when it is too old. */
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  create(object: T): Promise<T>;
  /** Replaces the object, or its `subresource` (`status`, `scale`). */
  update(object: T, subresource?: string): Promise<T>;
  patch(key: ObjectKey, patch: unknown, options: PatchOptions): Promise<T>;
  delete(key: ObjectKey, options?: DeleteOptions): Promise<void>;
}

/** A client of one API server, with the signal of its owner: all requests end when it aborts. */
export interface Client {
  resource<T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T>;
  /** A request that no verb covers (`/version`, `pods/x/binding`, …); throws StatusError for a refusal. */
  raw(request: {
    readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    readonly path: string;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly contentType?: string;
  }): Promise<unknown>;
  /** The chunks of a text answer, for logs; throws StatusError for a refusal. */
  stream(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}
