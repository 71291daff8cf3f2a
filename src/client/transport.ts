/** One request to an API server; `body` is a JSON value, undefined for none. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Percent-encoded path without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly contentType: string;
  /** The media types that the caller can read, in HTTP's words; JSON when left out. */
  readonly accept?: string;
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  /** The parsed JSON; text where the answer was none. */
  readonly body: unknown;
}

export type StreamResponse =
  | { readonly kind: 'refused'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array> };

export type WatchResponse =
  | { readonly kind: 'refused'; readonly status: number; readonly body: unknown }
  /** Parsed watch events; ends when the server ends the watch. */
  | { readonly kind: 'events'; readonly events: AsyncIterable<unknown> };

/**
 * How a client reaches an API server: over HTTP, or in-process.
 *
 * Methods reject only when no answer could be had (connection refused, signal aborted). Values are
 * never shared with the server's own state: a receiver may keep them, nobody may change them.
 */
export interface Transport {
  send(request: ApiRequest): Promise<ApiResponse>;
  watch(request: ApiRequest): Promise<WatchResponse>;
  /** Raw bytes, for logs. */
  stream(request: ApiRequest): Promise<StreamResponse>;
}
