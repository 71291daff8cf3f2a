import { StatusError } from '../../api/index.ts';
import { badRequest } from '../refusals.ts';
import { isRecord } from '../api-object.ts';

/** Where a list goes on. */
export interface ContinueToken {
  /** The revision of the first page; −1 for "the newest", after that revision has expired. */
  readonly revision: number;
  /** The first key, relative to the collection's prefix. */
  readonly start: string;
}

const tokenVersion = 'meta.k8s.io/v1';

/** The opaque text that clients get, of the same make as upstream's. */
export function encodeContinue({ revision, start }: ContinueToken): string {
  const text = JSON.stringify({ v: tokenVersion, rv: revision, start: `/${start}` });
  return Buffer.from(text).toString('base64url');
}

/** Throws StatusError 400 for anything that `encodeContinue` did not make. */
export function decodeContinue(token: string): ContinueToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    value = undefined;
  }
  if (!isRecord(value) || value['v'] !== tokenVersion) throw notValid('unrecognized format');
  const { rv, start } = value;
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw notValid('incorrect encoded start resourceVersion');
  }
  if (typeof start !== 'string' || !start.startsWith('/') || start.length < 2) {
    throw notValid('encoded start key empty or missing');
  }
  return { revision: rv, start: start.slice(1) };
}

function notValid(why: string): StatusError {
  return badRequest(`continue key is not valid: ${why}`);
}

/** The refusal of a token whose revision is gone, with a token that goes on at the newest. */
export function expiredContinue(start: string): StatusError {
  return new StatusError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    { listMeta: { continue: encodeContinue({ revision: -1, start }) } },
  );
}
