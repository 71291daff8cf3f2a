import type { Status, StatusDetails } from './object.ts';

/** The reasons of metav1.StatusReason that this code gives or branches on. */
export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout';

interface StatusExtra {
  readonly details?: StatusDetails | undefined;
  readonly listMeta?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What the API's user did wrong or must know, in the words and codes of Kubernetes.
 *
 * Thrown by servers, made into a response in one place, and thrown again by clients.
 */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** Members of `metadata` of the Status (the `continue` of an expired list). */
  readonly listMeta: Readonly<Record<string, unknown>>;

  constructor(
    code: number,
    reason: StatusReason | (string & {}),
    message: string,
    extra: StatusExtra = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = extra.details;
    this.listMeta = extra.listMeta ?? {};
  }

  /** The metav1.Status of this error. */
  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.listMeta,
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }

  /** The error that a client throws for a failed answer; tolerates bodies that are no Status. */
  static fromResponse(code: number, body: unknown): StatusError {
    if (typeof body === 'object' && body !== null && (body as Status).kind === 'Status') {
      const status = body as Status;
      return new StatusError(code, status.reason ?? '', status.message ?? `HTTP ${code}`, {
        details: status.details,
        listMeta: status.metadata,
      });
    }
    const text = typeof body === 'string' && body !== '' ? body.slice(0, 500) : `HTTP ${code}`;
    return new StatusError(code, '', text);
  }
}

/** True for a StatusError of one of the given reasons. */
export function isStatus(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && (reasons as string[]).includes(error.reason);
}
