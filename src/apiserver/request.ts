/** Who asks: the result of authentication. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/**
 * One JSON document in the two forms that answers need: a value for in-process callers, bytes for
 * the wire. Each form is made when it is asked for.
 */
export interface Payload {
  value(): unknown;
  bytes(): Uint8Array;
}

export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** From an in-process caller: a JSON value that nobody changes. */
  | { readonly kind: 'value'; readonly value: unknown };

/** One authenticated request, however it came. */
export interface ServerRequest {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Header values; empty when absent. */
  readonly accept: string;
  readonly contentType: string;
  readonly userAgent: string;
  readonly ifNoneMatch: string;
  readonly body: RequestBody;
  readonly user: User;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
}

export type Answer =
  | {
      readonly kind: 'payload';
      readonly status: number;
      readonly payload: Payload;
      readonly contentType: string;
      readonly headers: Readonly<Record<string, string>>;
      /** Texts of `Warning: 299` headers. */
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly text: string;
      readonly contentType: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  /** One JSON document a frame; the bytes of a frame end with a newline. */
  | {
      readonly kind: 'watch';
      readonly frames: AsyncIterable<Payload>;
      readonly contentType: string;
    }
  | {
      readonly kind: 'stream';
      readonly chunks: AsyncIterable<Uint8Array>;
      readonly contentType: string;
    };

export const jsonType = 'application/json';

/** The payload of a value that is at hand. */
export function valuePayload(value: unknown): Payload {
  return { value: () => value, bytes: () => Buffer.from(JSON.stringify(value)) };
}

interface AnswerExtra {
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
}

export function payloadAnswer(status: number, payload: Payload, extra: AnswerExtra = {}): Answer {
  return {
    kind: 'payload',
    status,
    payload,
    contentType: extra.contentType ?? jsonType,
    headers: extra.headers ?? {},
    warnings: extra.warnings ?? [],
  };
}

/** An answer whose body is the JSON of a value. */
export function jsonAnswer(status: number, value: unknown, extra: AnswerExtra = {}): Answer {
  return payloadAnswer(status, valuePayload(value), extra);
}

export function textAnswer(status: number, text: string, extra: AnswerExtra = {}): Answer {
  return {
    kind: 'text',
    status,
    text,
    contentType: extra.contentType ?? 'text/plain; charset=utf-8',
    headers: extra.headers ?? {},
  };
}
