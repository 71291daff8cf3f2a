import { StatusError, type StatusCause } from '../../api/index.ts';
import { badRequest, invalidOptions } from '../refusals.ts';

/** Which state a list shows or a watch starts from. */
export type VersionWish =
  | { readonly kind: 'newest' }
  /** `resourceVersion=0`: whatever is at hand. */
  | { readonly kind: 'any' }
  | { readonly kind: 'not-older'; readonly revision: number }
  | { readonly kind: 'exactly'; readonly revision: number };

export interface ListOptions {
  readonly wish: VersionWish;
  readonly limit: number | undefined;
  readonly continueToken: string | undefined;
}

export interface WatchOptions {
  readonly wish: Exclude<VersionWish, { kind: 'exactly' }>;
  readonly bookmarks: boolean;
  readonly initialEvents: boolean;
  readonly timeoutMs: number | undefined;
}

export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}

/**
 * Reads the parameters of a list by the rules of apimachinery's
 * pkg/apis/meta/internalversion/validation. Throws StatusError 400, 422.
 */
export function parseListOptions(query: URLSearchParams): ListOptions {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const continueToken = query.get('continue') ?? '';
  const limit = parseLimit(query.get('limit'));
  if (query.get('sendInitialEvents') !== null) {
    throw refuse('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  }
  if (match !== '') checkMatch(match, version, continueToken);
  if (continueToken !== '') {
    if (version !== '' && version !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return { wish: { kind: 'newest' }, limit, continueToken };
  }
  const rest = { limit, continueToken: undefined };
  if (version === '') return { wish: { kind: 'newest' }, ...rest };
  const revision = parseRevision(version, 400);
  if (revision === 0) return { wish: { kind: 'any' }, limit: undefined, continueToken: undefined };
  const exactly = match === 'Exact' || (match === '' && limit !== undefined);
  return { wish: { kind: exactly ? 'exactly' : 'not-older', revision }, ...rest };
}

function checkMatch(match: string, version: string, continueToken: string): void {
  const field = 'resourceVersionMatch';
  if (version === '') {
    throw refuse(field, `${field} is forbidden unless resourceVersion is provided`);
  }
  if (continueToken !== '') throw refuse(field, `${field} is forbidden when continue is provided`);
  if (match !== 'Exact' && match !== 'NotOlderThan') throw unsupportedMatch(match);
  if (match === 'Exact' && version === '0') {
    throw refuse(field, `${field} "Exact" is forbidden for resourceVersion "0"`);
  }
}

/** Reads the parameters of a watch. Throws StatusError 422, and 500 for a bad resourceVersion. */
export function parseWatchOptions(query: URLSearchParams): WatchOptions {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const initial = query.get('sendInitialEvents');
  if (match !== '' && initial === null) {
    throw refuse(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (initial !== null && match !== 'NotOlderThan') {
    if (match !== '') throw unsupportedMatch(match, ['NotOlderThan']);
    throw refuse(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  return {
    wish: watchWish(version),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    initialEvents: isTrue(initial),
    timeoutMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
  };
}

function watchWish(version: string): WatchOptions['wish'] {
  if (version === '') return { kind: 'newest' };
  const revision = parseRevision(version, 500);
  return revision === 0 ? { kind: 'any' } : { kind: 'not-older', revision };
}

function parseLimit(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit)) {
    throw badRequest(`Cannot read the limit "${text}": it is not an integer`);
  }
  return limit > 0 ? limit : undefined;
}

/** A resourceVersion as a number; upstream answers a bad one with 400 on lists, 500 on watches. */
export function parseRevision(text: string, code: 400 | 500): number {
  const revision = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(revision)) return revision;
  const message = `Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`;
  const reason = code === 400 ? 'BadRequest' : 'InternalError';
  throw new StatusError(code, reason, `resourceVersion: ${message}`);
}

function refuse(field: string, detail: string): StatusError {
  return optionsError({ reason: 'FieldValueForbidden', message: `Forbidden: ${detail}`, field });
}

function unsupportedMatch(
  value: string,
  supported: readonly string[] = ['Exact', 'NotOlderThan', ''],
): StatusError {
  const list = supported.map((one) => `"${one}"`).join(', ');
  return optionsError({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: "${value}": supported values: ${list}`,
    field: 'resourceVersionMatch',
  });
}

function optionsError(cause: StatusCause): StatusError {
  return invalidOptions('ListOptions', cause);
}
