import type { InvocationField, InvocationRequest } from '../../api/index.ts';
import type { RequestHead } from '../wire/request-head.ts';

/**
 * Fields that are not stored. Credentials would lie in an object that others may read; a preference
 * was for this one request; the executor states the length anew.
 */
const notStored = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'prefer',
  'content-length',
  'expect',
]);

/** The request as an Invocation keeps it: end-to-end fields in their order, and the body in base64. */
export function storedRequest(
  head: RequestHead,
  path: string,
  place: { readonly requestId: string; readonly body: Buffer },
): InvocationRequest {
  const { method, traceparent, tracestate } = head;
  const { requestId, body } = place;
  const headers = fieldsOf(head.lines).filter(({ name }) => isStored(name.toLowerCase()));
  headers.push({ name: 'X-Request-Id', value: requestId });
  if (traceparent !== '') headers.push({ name: 'traceparent', value: traceparent });
  if (traceparent !== '' && tracestate !== '') {
    headers.push({ name: 'tracestate', value: tracestate });
  }
  return {
    method,
    path,
    headers,
    ...(body.length === 0 ? {} : { body: body.toString('base64') }),
  };
}

/** The value of a field of the head; of several the first. */
export function fieldValue(head: RequestHead, name: string): string | undefined {
  return fieldsOf(head.lines).find((field) => field.name.toLowerCase() === name)?.value;
}

function isStored(name: string): boolean {
  return !notStored.has(name) && !name.startsWith('x-nought-');
}

function fieldsOf(lines: string): InvocationField[] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() };
    });
}
