import { createHash } from 'node:crypto';
import { StatusError } from '../../api/index.ts';
import type { User } from '../request.ts';
import { authenticatedGroup } from './authorizer.ts';

/** Who sent a request, from its Authorization header; undefined when that cannot be told. */
export type Authenticator = (authorization: string) => User | undefined;

/** Static bearer tokens. Tokens are compared by their digests, so that timing tells nothing of them. */
export function tokenAuthenticator(tokens: ReadonlyMap<string, User>): Authenticator {
  const users = new Map<string, User>();
  for (const [token, user] of tokens) {
    const groups = [...new Set([...user.groups, authenticatedGroup])];
    users.set(digest(token), { ...user, groups });
  }
  // The few headers that are in use, so that a request costs no hash.
  const seen = new Map<string, User>();
  return (authorization) => {
    const known = seen.get(authorization);
    if (known !== undefined) return known;
    const match = /^bearer +(\S+)$/i.exec(authorization.trim());
    const user = match?.[1] === undefined ? undefined : users.get(digest(match[1]));
    if (user !== undefined && seen.size < maxSeenHeaders) seen.set(authorization, user);
    return user;
  };
}

const maxSeenHeaders = 100;

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}
