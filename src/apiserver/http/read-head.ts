import type { IncomingMessage } from 'node:http';
import { type Authenticator, unauthorized } from '../auth/authenticator.ts';
import type { ServerRequest, User } from '../request.ts';
import { isOpenPath } from '../routing/plain-routes.ts';

const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** What the head of a request says, and who sent it. Throws StatusError 401. */
export function readHead(
  incoming: IncomingMessage,
  authenticator: Authenticator,
): Omit<ServerRequest, 'body' | 'signal'> {
  const url = incoming.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const known = authenticator(header(incoming, 'authorization'));
  if (known === undefined && !isOpenPath(path)) throw unauthorized();
  return {
    method: incoming.method ?? 'GET',
    path,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    accept: header(incoming, 'accept'),
    contentType: header(incoming, 'content-type'),
    userAgent: header(incoming, 'user-agent'),
    ifNoneMatch: header(incoming, 'if-none-match'),
    user: known ?? anonymous,
  };
}

/** The text of a header; empty when there is none. */
export function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : (value?.join(', ') ?? '');
}
