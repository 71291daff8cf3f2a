import {
  StatusError,
  type ResourceDescriptor,
  type StatusCause,
  type StatusDetails,
} from '../api/index.ts';

/** What names a resource in a refusal. */
export type ResourceName = Pick<ResourceDescriptor, 'group' | 'plural'>;
type KindName = Pick<ResourceDescriptor, 'group' | 'kind'>;

/** `pods`, `functions.nought.dev`: how Kubernetes' messages name a resource. */
export function qualifiedResource({ group, plural }: ResourceName): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function details(resource: ResourceName, name: string): StatusDetails {
  return {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  };
}

export function notFound(resource: ResourceName, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedResource(resource)} "${name}" not found`, {
    details: details(resource, name),
  });
}

/** No such path, group, version or resource. */
export function unknownPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {
    details: {},
  });
}

export function alreadyExists(
  resource: ResourceName,
  name: string,
  deleting: boolean,
): StatusError {
  const text = `${qualifiedResource(resource)} "${name}" already exists`;
  return new StatusError(
    409,
    'AlreadyExists',
    deleting ? `object is being deleted: ${text}` : text,
    { details: details(resource, name) },
  );
}

export const modifiedMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(resource: ResourceName, name: string, why: string): StatusError {
  return new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${why}`,
    { details: details(resource, name) },
  );
}

/** 422 with all causes, as metav1's NewInvalid words it. */
export function invalid(kind: KindName, name: string, causes: readonly StatusCause[]): StatusError {
  const texts = causes.map(({ field, message }) =>
    field === undefined || field === '' ? (message ?? '') : `${field}: ${message ?? ''}`,
  );
  const list = texts.length === 1 ? texts[0] : `[${[...new Set(texts)].join(', ')}]`;
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(422, 'Invalid', `${qualified} "${name}" is invalid: ${list}`, {
    details: {
      name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.kind,
      causes,
    },
  });
}

/** 422 of a request's own parameters. */
export function invalidOptions(kind: string, cause: StatusCause): StatusError {
  return invalid({ group: 'meta.k8s.io', kind }, '', [cause]);
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

export function methodNotAllowed(what: string): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    `${what} is not supported on the requested resource`,
    { details: {} },
  );
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    { details: {} },
  );
}

export function notAcceptable(offered: readonly string[]): StatusError {
  return new StatusError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${offered.join(', ')}`,
  );
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError(429, 'TooManyRequests', message, { details: { retryAfterSeconds } });
}

/** 504 for a resourceVersion that this server has not seen. */
export function futureVersion(requested: number, current: number): StatusError {
  const message = `Too large resource version: ${requested}, current: ${current}`;
  return new StatusError(504, 'Timeout', `Timeout: ${message}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
