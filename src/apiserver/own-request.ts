import type { ServerRequest } from './request.ts';

/** A request of the server to itself. */
export function ownRequest(signal: AbortSignal): ServerRequest {
  return {
    method: '',
    path: '',
    query: new URLSearchParams(),
    accept: '',
    contentType: '',
    userAgent: '',
    ifNoneMatch: '',
    body: { kind: 'none' },
    user: { name: 'system:apiserver', groups: ['system:masters'] },
    signal,
  };
}
